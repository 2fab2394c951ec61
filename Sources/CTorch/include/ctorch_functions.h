// libtorch behind plain C: one function per thing the Swift side needs. Included several times, without a guard; ends both macros:
//
//   CTORCH(type, name, parameters, arguments, what it returns where there is no library, where it leaves the message)
//   CTORCH_DO(name, parameters, arguments)
//
// Every function that can fail returns NULL (or false) and, if `error` is given, leaves a message there
// that the caller frees with `ctorch_free_message`. No C++ exception ever leaves the library.
// Returned tensors are owned by the caller and freed with `ctorch_release`.

// Runtime
CTORCH(const char *, version, (void), (), NULL, NULL)
CTORCH_DO(set_threads, (int threads), (threads))
CTORCH(int, threads, (void), (), 0, NULL)
/// Both return the earlier value. The state belongs to the calling thread.
CTORCH(bool, set_gradients, (bool enabled), (enabled), false, NULL)
CTORCH(bool, set_bfloat16, (bool enabled), (enabled), false, NULL)

// Life and contents
CTORCH(ctorch_tensor *, from_floats,
       (const float *values, const int64_t *sizes, int rank, char **error),
       (values, sizes, rank, error), NULL, error)
CTORCH(ctorch_tensor *, full,
       (float value, const int64_t *sizes, int rank, char **error),
       (value, sizes, rank, error), NULL, error)
/// One axis of 64-bit integers: the time steps of a script.
CTORCH(ctorch_tensor *, from_integers,
       (const int64_t *values, int64_t count, char **error),
       (values, count, error), NULL, error)
CTORCH_DO(release, (ctorch_tensor *a), (a))
CTORCH(int, rank, (const ctorch_tensor *a), (a), 0, NULL)
CTORCH(int64_t, size, (const ctorch_tensor *a, int axis), (a, axis), 0, NULL)
CTORCH(bool, copy_floats,
       (const ctorch_tensor *a, float *values, size_t count, char **error),
       (a, values, count, error), false, error)
/// a ← b, in place and outside the autograd graph.
CTORCH(bool, assign, (ctorch_tensor *a, const ctorch_tensor *b, char **error), (a, b, error), false, error)
/// a ← a + weight (b − a), in place and outside the autograd graph.
CTORCH(bool, lerp,
       (ctorch_tensor *a, const ctorch_tensor *b, double weight, char **error),
       (a, b, weight, error), false, error)

// Arithmetic
CTORCH(ctorch_tensor *, add,
       (const ctorch_tensor *a, const ctorch_tensor *b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, subtract,
       (const ctorch_tensor *a, const ctorch_tensor *b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, multiply,
       (const ctorch_tensor *a, const ctorch_tensor *b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, divide,
       (const ctorch_tensor *a, const ctorch_tensor *b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, add_scalar,
       (const ctorch_tensor *a, double b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, multiply_scalar,
       (const ctorch_tensor *a, double b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, square, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(ctorch_tensor *, clamp,
       (const ctorch_tensor *a, double low, double high, char **error),
       (a, low, high, error), NULL, error)
CTORCH(ctorch_tensor *, sin, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(ctorch_tensor *, cos, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(ctorch_tensor *, mean, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
/// Mean over all axes but the first: [N, …] → [N].
CTORCH(ctorch_tensor *, mean_per_sample, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(ctorch_tensor *, matmul,
       (const ctorch_tensor *a, const ctorch_tensor *b, char **error),
       (a, b, error), NULL, error)
CTORCH(ctorch_tensor *, softmax,
       (const ctorch_tensor *a, int axis, char **error),
       (a, axis, error), NULL, error)

// Shape
CTORCH(ctorch_tensor *, reshape,
       (const ctorch_tensor *a, const int64_t *sizes, int rank, char **error),
       (a, sizes, rank, error), NULL, error)
CTORCH(ctorch_tensor *, transpose,
       (const ctorch_tensor *a, int first, int second, char **error),
       (a, first, second, error), NULL, error)
CTORCH(ctorch_tensor *, narrow,
       (const ctorch_tensor *a, int axis, int64_t start, int64_t count, char **error),
       (a, axis, start, count, error), NULL, error)
CTORCH(ctorch_tensor *, concatenate,
       (const ctorch_tensor *const *parts, int count, int axis, char **error),
       (parts, count, axis, error), NULL, error)
/// Pads the last two axes; `mode` is "constant" (zero), "reflect" or "replicate".
CTORCH(ctorch_tensor *, pad,
       (const ctorch_tensor *a, int64_t left, int64_t right, int64_t top, int64_t bottom, const char *mode,
        char **error),
       (a, left, right, top, bottom, mode, error), NULL, error)
CTORCH(ctorch_tensor *, channels_last, (const ctorch_tensor *a, char **error), (a, error), NULL, error)

// Layers
CTORCH(ctorch_tensor *, conv2d,
       (const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias, int stride,
        int padding, char **error),
       (x, weight, bias, stride, padding, error), NULL, error)
CTORCH(ctorch_tensor *, linear,
       (const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias, char **error),
       (x, weight, bias, error), NULL, error)
CTORCH(ctorch_tensor *, group_norm,
       (const ctorch_tensor *x, int groups, const ctorch_tensor *weight, const ctorch_tensor *bias,
        double epsilon, char **error),
       (x, groups, weight, bias, epsilon, error), NULL, error)
CTORCH(ctorch_tensor *, silu, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(ctorch_tensor *, pixel_shuffle,
       (const ctorch_tensor *a, int factor, char **error),
       (a, factor, error), NULL, error)
CTORCH(ctorch_tensor *, pixel_unshuffle,
       (const ctorch_tensor *a, int factor, char **error),
       (a, factor, error), NULL, error)
CTORCH(ctorch_tensor *, upsample_nearest,
       (const ctorch_tensor *a, int factor, char **error),
       (a, factor, error), NULL, error)

// Automatic differentiation
CTORCH(bool, require_gradient, (ctorch_tensor *a, char **error), (a, error), false, error)
CTORCH(ctorch_tensor *, detach, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
CTORCH(bool, backward, (const ctorch_tensor *loss, char **error), (loss, error), false, error)
/// NULL without an error when no gradient has been accumulated.
CTORCH(ctorch_tensor *, gradient, (const ctorch_tensor *a, char **error), (a, error), NULL, error)
/// Scales all gradients so that their joint norm is at most `limit`; returns the norm before, or −1.
CTORCH(double, clip_gradients,
       (ctorch_tensor *const *parameters, int count, double limit, char **error),
       (parameters, count, limit, error), -1, error)

// AdamW (Loshchilov and Hutter, ICLR 2019), libtorch's own
CTORCH(ctorch_adamw *, adamw_make,
       (ctorch_tensor *const *parameters, int count, double learning_rate, double beta1, double beta2,
        double weight_decay, char **error),
       (parameters, count, learning_rate, beta1, beta2, weight_decay, error), NULL, error)
CTORCH_DO(adamw_release, (ctorch_adamw *optimizer), (optimizer))
CTORCH(bool, adamw_step,
       (ctorch_adamw *optimizer, double learning_rate, char **error),
       (optimizer, learning_rate, error), false, error)
CTORCH(bool, adamw_zero_gradients, (ctorch_adamw *optimizer, char **error), (optimizer, error), false, error)
/// Moments of one parameter; false without an error before its first step.
CTORCH(bool, adamw_state,
       (const ctorch_adamw *optimizer, int index, ctorch_tensor **first, ctorch_tensor **second, int64_t *step,
        char **error),
       (optimizer, index, first, second, step, error), false, error)
CTORCH(bool, adamw_restore,
       (ctorch_adamw *optimizer, int index, const ctorch_tensor *first, const ctorch_tensor *second,
        int64_t step, char **error),
       (optimizer, index, first, second, step, error), false, error)

// TorchScript
CTORCH(ctorch_script *, script_load, (const char *path, char **error), (path, error), NULL, error)
CTORCH_DO(script_release, (ctorch_script *script), (script))
CTORCH(ctorch_tensor *, script_forward,
       (const ctorch_script *script, const ctorch_tensor *x, const ctorch_tensor *t, char **error),
       (script, x, t, error), NULL, error)

#undef CTORCH
#undef CTORCH_DO
