#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libtorch behind plain C: one function per thing the Swift side needs.
//
// Every function that can fail returns NULL (or false) and, if `error` is given, leaves a message there
// that the caller frees with `ctorch_free_message`. No C++ exception ever leaves this library.
// Returned tensors are owned by the caller and freed with `ctorch_release`.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctorch_tensor ctorch_tensor;
typedef struct ctorch_adamw ctorch_adamw;
typedef struct ctorch_script ctorch_script;

// Runtime
void ctorch_free_message(char *message);
const char *ctorch_version(void);
void ctorch_set_threads(int threads);
int ctorch_threads(void);
/// Both return the earlier value. The state belongs to the calling thread.
bool ctorch_set_gradients(bool enabled);
bool ctorch_set_bfloat16(bool enabled);

// Life and contents
ctorch_tensor *ctorch_from_floats(const float *values, const int64_t *sizes, int rank, char **error);
ctorch_tensor *ctorch_full(float value, const int64_t *sizes, int rank, char **error);
/// One axis of 64-bit integers: the time steps of a script.
ctorch_tensor *ctorch_from_integers(const int64_t *values, int64_t count, char **error);
void ctorch_release(ctorch_tensor *a);
int ctorch_rank(const ctorch_tensor *a);
int64_t ctorch_size(const ctorch_tensor *a, int axis);
bool ctorch_copy_floats(const ctorch_tensor *a, float *values, size_t count, char **error);
/// a ← b, in place and outside the autograd graph.
bool ctorch_assign(ctorch_tensor *a, const ctorch_tensor *b, char **error);
/// a ← a + weight (b − a), in place and outside the autograd graph.
bool ctorch_lerp(ctorch_tensor *a, const ctorch_tensor *b, double weight, char **error);

// Arithmetic
ctorch_tensor *ctorch_add(const ctorch_tensor *a, const ctorch_tensor *b, char **error);
ctorch_tensor *ctorch_subtract(const ctorch_tensor *a, const ctorch_tensor *b, char **error);
ctorch_tensor *ctorch_multiply(const ctorch_tensor *a, const ctorch_tensor *b, char **error);
ctorch_tensor *ctorch_divide(const ctorch_tensor *a, const ctorch_tensor *b, char **error);
ctorch_tensor *ctorch_add_scalar(const ctorch_tensor *a, double b, char **error);
ctorch_tensor *ctorch_multiply_scalar(const ctorch_tensor *a, double b, char **error);
ctorch_tensor *ctorch_square(const ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_clamp(const ctorch_tensor *a, double low, double high, char **error);
ctorch_tensor *ctorch_sin(const ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_cos(const ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_mean(const ctorch_tensor *a, char **error);
/// Mean over all axes but the first: [N, …] → [N].
ctorch_tensor *ctorch_mean_per_sample(const ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_matmul(const ctorch_tensor *a, const ctorch_tensor *b, char **error);
ctorch_tensor *ctorch_softmax(const ctorch_tensor *a, int axis, char **error);

// Shape
ctorch_tensor *ctorch_reshape(const ctorch_tensor *a, const int64_t *sizes, int rank, char **error);
ctorch_tensor *ctorch_transpose(const ctorch_tensor *a, int first, int second, char **error);
ctorch_tensor *ctorch_narrow(const ctorch_tensor *a, int axis, int64_t start, int64_t count, char **error);
ctorch_tensor *ctorch_concatenate(const ctorch_tensor *const *parts, int count, int axis, char **error);
/// Pads the last two axes; `mode` is "constant" (zero), "reflect" or "replicate".
ctorch_tensor *ctorch_pad(const ctorch_tensor *a, int64_t left, int64_t right, int64_t top, int64_t bottom,
                          const char *mode, char **error);
ctorch_tensor *ctorch_channels_last(const ctorch_tensor *a, char **error);

// Layers
ctorch_tensor *ctorch_conv2d(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                             int stride, int padding, char **error);
ctorch_tensor *ctorch_linear(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                             char **error);
ctorch_tensor *ctorch_group_norm(const ctorch_tensor *x, int groups, const ctorch_tensor *weight,
                                 const ctorch_tensor *bias, double epsilon, char **error);
ctorch_tensor *ctorch_silu(const ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_pixel_shuffle(const ctorch_tensor *a, int factor, char **error);
ctorch_tensor *ctorch_pixel_unshuffle(const ctorch_tensor *a, int factor, char **error);
ctorch_tensor *ctorch_upsample_nearest(const ctorch_tensor *a, int factor, char **error);

// Automatic differentiation
bool ctorch_require_gradient(ctorch_tensor *a, char **error);
ctorch_tensor *ctorch_detach(const ctorch_tensor *a, char **error);
bool ctorch_backward(const ctorch_tensor *loss, char **error);
/// NULL without an error when no gradient has been accumulated.
ctorch_tensor *ctorch_gradient(const ctorch_tensor *a, char **error);
/// Scales all gradients so that their joint norm is at most `limit`; returns the norm before, or −1.
double ctorch_clip_gradients(ctorch_tensor *const *parameters, int count, double limit, char **error);

// AdamW (Loshchilov and Hutter, ICLR 2019), libtorch's own
ctorch_adamw *ctorch_adamw_make(ctorch_tensor *const *parameters, int count, double learning_rate, double beta1,
                                double beta2, double weight_decay, char **error);
void ctorch_adamw_release(ctorch_adamw *optimizer);
bool ctorch_adamw_step(ctorch_adamw *optimizer, double learning_rate, char **error);
bool ctorch_adamw_zero_gradients(ctorch_adamw *optimizer, char **error);
/// Moments of one parameter; false without an error before its first step.
bool ctorch_adamw_state(const ctorch_adamw *optimizer, int index, ctorch_tensor **first, ctorch_tensor **second,
                        int64_t *step, char **error);
bool ctorch_adamw_restore(ctorch_adamw *optimizer, int index, const ctorch_tensor *first,
                          const ctorch_tensor *second, int64_t step, char **error);

// TorchScript
ctorch_script *ctorch_script_load(const char *path, char **error);
void ctorch_script_release(ctorch_script *script);
ctorch_tensor *ctorch_script_forward(const ctorch_script *script, const ctorch_tensor *x, const ctorch_tensor *t,
                                     char **error);

#ifdef __cplusplus
}
#endif
