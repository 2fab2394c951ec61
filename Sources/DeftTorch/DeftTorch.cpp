#define CTORCH_IMPLEMENTATION
#include "DeftTorch.h"

#include <malloc.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>

#include <ATen/autocast_mode.h>
#include <torch/script.h>
#include <torch/torch.h>
#include <torch/version.h>

struct ctorch_tensor {
  at::Tensor value;
};

struct ctorch_adamw {
  torch::optim::AdamW optimizer;
};

struct ctorch_script {
  torch::jit::script::Module module;
};

namespace {

void leave(char **error, const char *message) {
  if (error) *error = strdup(message);
}

// OpenMP keeps the number of threads per calling thread: what one thread asks for, another does not get.
// Swift's tasks move between threads, so every entry brings its thread up to date.
std::atomic<int> wanted_threads{0};

void apply_threads() {
  thread_local int applied = 0;
  int wanted = wanted_threads.load(std::memory_order_relaxed);
  if (wanted == applied) return;
  at::set_num_threads(wanted);
  applied = wanted;
}

/// Runs `body`; turns every exception into a message and the value `failed`.
template <typename Result, typename Body>
Result guarded(char **error, Result failed, Body body) {
  try {
    apply_threads();
    return body();
  } catch (const c10::Error &e) {
    leave(error, e.what_without_backtrace());
  } catch (const std::exception &e) {
    leave(error, e.what());
  } catch (...) {
    leave(error, "unknown C++ exception");
  }
  return failed;
}

template <typename Body>
ctorch_tensor *tensor(char **error, Body body) {
  return guarded<ctorch_tensor *>(error, nullptr, [&] { return new ctorch_tensor{body()}; });
}

template <typename Body>
bool done(char **error, Body body) {
  return guarded(error, false, [&] {
    body();
    return true;
  });
}

c10::optional<at::Tensor> optional(const ctorch_tensor *a) {
  return a ? c10::optional<at::Tensor>(a->value) : c10::nullopt;
}

std::vector<at::Tensor> values(ctorch_tensor *const *parts, int count) {
  std::vector<at::Tensor> list;
  for (int i = 0; i < count; i++) list.push_back(parts[i]->value);
  return list;
}

// Activations are tens of MB, made and freed at every layer. By default glibc maps and unmaps each of
// them, so that every layer pays for fresh pages; keeping them in the heap saves that.
void keep_large_blocks() {
  static std::once_flag once;
  std::call_once(once, [] {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
  });
}

}  // namespace

// Runtime

static const char *ctorch_version(void) { return TORCH_VERSION; }
static void ctorch_set_threads(int threads) {
  keep_large_blocks();
  wanted_threads.store(threads, std::memory_order_relaxed);
}
static int ctorch_threads(void) {
  apply_threads();
  return at::get_num_threads();
}
static bool ctorch_set_gradients(bool enabled) {
  bool earlier = at::GradMode::is_enabled();
  at::GradMode::set_enabled(enabled);
  return earlier;
}
static bool ctorch_set_bfloat16(bool enabled) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  bool earlier = at::autocast::is_autocast_enabled(at::kCPU);
  at::autocast::set_autocast_enabled(at::kCPU, enabled);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
#else
  bool earlier = at::autocast::is_cpu_enabled();
  at::autocast::set_cpu_enabled(enabled);
  at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
#endif
  if (!enabled) at::autocast::clear_cache();
  return earlier;
}

// Life and contents

static ctorch_tensor *ctorch_from_floats(const float *data, const int64_t *sizes, int rank, char **error) {
  return tensor(error, [&] {
    at::Tensor a = at::empty(at::IntArrayRef(sizes, rank), at::kFloat);
    memcpy(a.data_ptr<float>(), data, a.numel() * sizeof(float));
    return a;
  });
}
static ctorch_tensor *ctorch_full(float value, const int64_t *sizes, int rank, char **error) {
  return tensor(error, [&] { return at::full(at::IntArrayRef(sizes, rank), value, at::kFloat); });
}
static ctorch_tensor *ctorch_from_integers(const int64_t *data, int64_t count, char **error) {
  return tensor(error, [&] {
    at::Tensor a = at::empty({count}, at::kLong);
    memcpy(a.data_ptr<int64_t>(), data, count * sizeof(int64_t));
    return a;
  });
}
static void ctorch_release(ctorch_tensor *a) { delete a; }
static int ctorch_rank(const ctorch_tensor *a) { return static_cast<int>(a->value.dim()); }
static int64_t ctorch_size(const ctorch_tensor *a, int axis) { return a->value.sizes()[axis]; }
static bool ctorch_copy_floats(const ctorch_tensor *a, float *data, size_t count, char **error) {
  return done(error, [&] {
    at::Tensor b = a->value.detach().to(at::kFloat).contiguous();
    TORCH_CHECK(static_cast<size_t>(b.numel()) == count, "tensor has ", b.numel(), " values, expected ", count);
    memcpy(data, b.data_ptr<float>(), count * sizeof(float));
  });
}
static bool ctorch_assign(ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return done(error, [&] {
    at::NoGradGuard guard;
    TORCH_CHECK(a->value.sizes() == b->value.sizes(), "shape ", b->value.sizes(), " does not fit ", a->value.sizes());
    a->value.copy_(b->value);
  });
}
static bool ctorch_lerp(ctorch_tensor *a, const ctorch_tensor *b, double weight, char **error) {
  return done(error, [&] {
    at::NoGradGuard guard;
    a->value.lerp_(b->value, weight);
  });
}

// Arithmetic

static ctorch_tensor *ctorch_add(const ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return tensor(error, [&] { return a->value + b->value; });
}
static ctorch_tensor *ctorch_subtract(const ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return tensor(error, [&] { return a->value - b->value; });
}
static ctorch_tensor *ctorch_multiply(const ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return tensor(error, [&] { return a->value * b->value; });
}
static ctorch_tensor *ctorch_divide(const ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return tensor(error, [&] { return a->value / b->value; });
}
static ctorch_tensor *ctorch_add_scalar(const ctorch_tensor *a, double b, char **error) {
  return tensor(error, [&] { return a->value + b; });
}
static ctorch_tensor *ctorch_multiply_scalar(const ctorch_tensor *a, double b, char **error) {
  return tensor(error, [&] { return a->value * b; });
}
static ctorch_tensor *ctorch_square(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.square(); });
}
static ctorch_tensor *ctorch_clamp(const ctorch_tensor *a, double low, double high, char **error) {
  return tensor(error, [&] { return a->value.clamp(low, high); });
}
static ctorch_tensor *ctorch_sin(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.sin(); });
}
static ctorch_tensor *ctorch_cos(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.cos(); });
}
static ctorch_tensor *ctorch_mean(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.mean(); });
}
static ctorch_tensor *ctorch_mean_per_sample(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.flatten(1).mean(1); });
}
static ctorch_tensor *ctorch_matmul(const ctorch_tensor *a, const ctorch_tensor *b, char **error) {
  return tensor(error, [&] { return at::matmul(a->value, b->value); });
}
static ctorch_tensor *ctorch_softmax(const ctorch_tensor *a, int axis, char **error) {
  return tensor(error, [&] { return at::softmax(a->value, axis); });
}

// Shape

static ctorch_tensor *ctorch_reshape(const ctorch_tensor *a, const int64_t *sizes, int rank, char **error) {
  return tensor(error, [&] { return a->value.reshape(at::IntArrayRef(sizes, rank)); });
}
static ctorch_tensor *ctorch_transpose(const ctorch_tensor *a, int first, int second, char **error) {
  return tensor(error, [&] { return a->value.transpose(first, second); });
}
static ctorch_tensor *ctorch_narrow(const ctorch_tensor *a, int axis, int64_t start, int64_t count, char **error) {
  return tensor(error, [&] { return a->value.narrow(axis, start, count); });
}
static ctorch_tensor *ctorch_concatenate(const ctorch_tensor *const *parts, int count, int axis, char **error) {
  return tensor(error, [&] {
    std::vector<at::Tensor> list;
    for (int i = 0; i < count; i++) list.push_back(parts[i]->value);
    return at::cat(list, axis);
  });
}
static ctorch_tensor *ctorch_pad(const ctorch_tensor *a, int64_t left, int64_t right, int64_t top, int64_t bottom,
                                 const char *mode, char **error) {
  return tensor(error, [&]() -> at::Tensor {
    std::vector<int64_t> sizes{left, right, top, bottom};
    std::string name(mode);
    if (name == "reflect") return at::reflection_pad2d(a->value, sizes);
    if (name == "replicate") return at::replication_pad2d(a->value, sizes);
    TORCH_CHECK(name == "constant", "unknown padding mode ", name);
    return at::constant_pad_nd(a->value, sizes, 0);
  });
}
static ctorch_tensor *ctorch_channels_last(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.contiguous(at::MemoryFormat::ChannelsLast); });
}

// Layers

static ctorch_tensor *ctorch_conv2d(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                    int stride, int padding, char **error) {
  return tensor(error, [&] { return at::conv2d(x->value, weight->value, optional(bias), stride, padding); });
}
static ctorch_tensor *ctorch_linear(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                    char **error) {
  return tensor(error, [&] { return at::linear(x->value, weight->value, optional(bias)); });
}
static ctorch_tensor *ctorch_group_norm(const ctorch_tensor *x, int groups, const ctorch_tensor *weight,
                                        const ctorch_tensor *bias, double epsilon, char **error) {
  return tensor(error, [&] {
    // Under autocast the input may be bfloat16 while the weights are not; the sums belong in single precision.
    at::Tensor input = x->value.scalar_type() == at::kBFloat16 ? x->value.to(at::kFloat) : x->value;
    return at::group_norm(input, groups, optional(weight), optional(bias), epsilon);
  });
}
static ctorch_tensor *ctorch_silu(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return at::silu(a->value); });
}
static ctorch_tensor *ctorch_pixel_shuffle(const ctorch_tensor *a, int factor, char **error) {
  return tensor(error, [&] { return at::pixel_shuffle(a->value, factor); });
}
static ctorch_tensor *ctorch_pixel_unshuffle(const ctorch_tensor *a, int factor, char **error) {
  return tensor(error, [&] { return at::pixel_unshuffle(a->value, factor); });
}
static ctorch_tensor *ctorch_upsample_nearest(const ctorch_tensor *a, int factor, char **error) {
  return tensor(error, [&] {
    std::vector<int64_t> size{a->value.size(2) * factor, a->value.size(3) * factor};
    return at::upsample_nearest2d(a->value, size);
  });
}

// Automatic differentiation

static bool ctorch_require_gradient(ctorch_tensor *a, char **error) {
  return done(error, [&] { a->value.requires_grad_(true); });
}
static ctorch_tensor *ctorch_detach(const ctorch_tensor *a, char **error) {
  return tensor(error, [&] { return a->value.detach(); });
}
static bool ctorch_backward(const ctorch_tensor *loss, char **error) {
  return done(error, [&] { loss->value.backward(); });
}
static ctorch_tensor *ctorch_gradient(const ctorch_tensor *a, char **error) {
  return guarded<ctorch_tensor *>(error, nullptr, [&]() -> ctorch_tensor * {
    return a->value.grad().defined() ? new ctorch_tensor{a->value.grad()} : nullptr;
  });
}
static double ctorch_clip_gradients(ctorch_tensor *const *parameters, int count, double limit, char **error) {
  return guarded(error, -1.0, [&] { return torch::nn::utils::clip_grad_norm_(values(parameters, count), limit); });
}

// AdamW

namespace {

torch::optim::AdamWParamState *state(const ctorch_adamw *optimizer, int index) {
  auto &self = const_cast<ctorch_adamw *>(optimizer)->optimizer;
  auto *parameter = self.param_groups()[0].params().at(index).unsafeGetTensorImpl();
#if TORCH_VERSION_MAJOR >= 2
  auto found = self.state().find(parameter);
#else
  auto found = self.state().find(c10::guts::to_string(parameter));
#endif
  if (found == self.state().end()) return nullptr;
  return static_cast<torch::optim::AdamWParamState *>(found->second.get());
}

}  // namespace

static ctorch_adamw *ctorch_adamw_make(ctorch_tensor *const *parameters, int count, double learning_rate, double beta1,
                                       double beta2, double weight_decay, char **error) {
  return guarded<ctorch_adamw *>(error, nullptr, [&] {
    torch::optim::AdamWOptions options(learning_rate);
    options.betas(std::make_tuple(beta1, beta2)).weight_decay(weight_decay);
    return new ctorch_adamw{torch::optim::AdamW(values(parameters, count), options)};
  });
}
static void ctorch_adamw_release(ctorch_adamw *optimizer) { delete optimizer; }
static bool ctorch_adamw_step(ctorch_adamw *optimizer, double learning_rate, char **error) {
  return done(error, [&] {
    for (auto &group : optimizer->optimizer.param_groups()) group.options().set_lr(learning_rate);
    optimizer->optimizer.step();
  });
}
static bool ctorch_adamw_zero_gradients(ctorch_adamw *optimizer, char **error) {
  return done(error, [&] { optimizer->optimizer.zero_grad(); });
}
static bool ctorch_adamw_state(const ctorch_adamw *optimizer, int index, ctorch_tensor **first, ctorch_tensor **second,
                               int64_t *step, char **error) {
  return guarded(error, false, [&] {
    auto *moments = state(optimizer, index);
    if (!moments) return false;
    *first = new ctorch_tensor{moments->exp_avg()};
    *second = new ctorch_tensor{moments->exp_avg_sq()};
    *step = moments->step();
    return true;
  });
}
static bool ctorch_adamw_restore(ctorch_adamw *optimizer, int index, const ctorch_tensor *first,
                                 const ctorch_tensor *second, int64_t step, char **error) {
  return done(error, [&] {
    auto *parameter = optimizer->optimizer.param_groups()[0].params().at(index).unsafeGetTensorImpl();
    auto moments = std::make_unique<torch::optim::AdamWParamState>();
    moments->step(step);
    moments->exp_avg(first->value.clone());
    moments->exp_avg_sq(second->value.clone());
#if TORCH_VERSION_MAJOR >= 2
    optimizer->optimizer.state()[parameter] = std::move(moments);
#else
    optimizer->optimizer.state()[c10::guts::to_string(parameter)] = std::move(moments);
#endif
  });
}

// TorchScript

static ctorch_script *ctorch_script_load(const char *path, char **error) {
  return guarded<ctorch_script *>(error, nullptr, [&] {
    auto *script = new ctorch_script{torch::jit::load(path)};
    script->module.eval();
    return script;
  });
}
static void ctorch_script_release(ctorch_script *script) { delete script; }
static ctorch_tensor *ctorch_script_forward(const ctorch_script *script, const ctorch_tensor *x, const ctorch_tensor *t,
                                            char **error) {
  return tensor(error, [&] {
    torch::jit::script::Module module = script->module;
    torch::jit::IValue result = module.forward({x->value, t->value});
    TORCH_CHECK(result.isTensor(), "the script returned no tensor");
    return result.toTensor();
  });
}

const ctorch_functions *deft_torch_functions(const char *signatures) {
  static const ctorch_functions functions = {
#define CTORCH(TYPE, NAME, PARAMETERS, ARGUMENTS, FAILED, ERROR) ctorch_##NAME,
#define CTORCH_DO(NAME, PARAMETERS, ARGUMENTS) ctorch_##NAME,
#include "ctorch_functions.h"
  };
  return std::strcmp(signatures, ctorch_signatures) == 0 ? &functions : nullptr;
}
