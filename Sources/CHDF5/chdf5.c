// Without its trait this target is empty: its library need not be there.
#ifdef CHDF5_ENABLED
#define _GNU_SOURCE
#include "chdf5.h"
#include "chdf5_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// Later libraries then offer the functions of 1.10, too.
#define H5_USE_110_API
#if __has_include(<hdf5/serial/hdf5.h>)
#include <hdf5/serial/hdf5.h>
#else
#include <hdf5.h>
#endif

// MARK: Both sides

int chdf5_send(int socket, const void *bytes, size_t count) {
  const char *from = bytes;
  while (count > 0) {
    ssize_t sent = send(socket, from, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    from += sent;
    count -= (size_t)sent;
  }
  return 0;
}

int chdf5_take(int socket, void *bytes, size_t count) {
  char *to = bytes;
  while (count > 0) {
    ssize_t received = recv(socket, to, count, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return -1;
    to += received;
    count -= (size_t)received;
  }
  return 0;
}

// MARK: The child

/// The file and what is kept open between requests.
static hid_t file = -1, kept = -1;
static char kept_name[1024];
static chdf5_reply reply;

static herr_t keep_reason(unsigned n, const H5E_error2_t *error, void *unused) {
  (void)unused;
  if (n == 0 && error->desc) strncpy(reply.reason, error->desc, sizeof reply.reason - 1);
  return 0;
}

/// Keeps what the innermost function of the library says of the last failure.
static void fail(void) {
  if (reply.status != chdf5_done) return;
  reply.status = chdf5_failed;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, NULL);
}

static herr_t refuse_link(
    const char *parent, const char *group, const char *other, const char *object, unsigned *flags, hid_t access,
    void *unused) {
  (void)parent, (void)group, (void)object, (void)flags, (void)access, (void)unused;
  reply.status = chdf5_refused;
  memset(reply.reason, 0, sizeof reply.reason);
  strncpy(reply.reason, other && other[0] ? other : "?", sizeof reply.reason - 1);
  return -1;
}

/// Access to links or datasets that stays within the file.
static hid_t within(hid_t kind) {
  hid_t list = H5Pcreate(kind);
  if (list >= 0 && H5Pset_elink_cb(list, refuse_link, NULL) < 0) return -1;
  return list;
}

static int64_t kind_of(const char *name) {
  hid_t links = within(H5P_LINK_ACCESS);
  if (links < 0) { fail(); return 0; }
  char prefix[1024];
  size_t length = strlen(name);
  // Every link on the way, so that what is missing is no error.
  for (size_t end = 1; end <= length; end++) {
    if (end < length && name[end] != '/') continue;
    memcpy(prefix, name, end);
    prefix[end] = 0;
    if (strcmp(prefix, "/") == 0) continue;
    if (H5Lexists(file, prefix, links) <= 0 || H5Oexists_by_name(file, prefix, links) <= 0) {
      H5Pclose(links);
      return 0;
    }
  }
  hid_t object = H5Oopen(file, length ? name : "/", links);
  H5Pclose(links);
  if (object < 0) { fail(); return 0; }
  H5I_type_t type = H5Iget_type(object);
  H5Oclose(object);
  return type == H5I_GROUP ? 1 : type == H5I_DATASET ? 2 : 3;
}

static hid_t open_dataset(const char *name, uint64_t cache) {
  if (kept >= 0 && strcmp(kept_name, name) == 0) return kept;
  if (kept >= 0) H5Dclose(kept);
  kept = -1;
  hid_t access = within(H5P_DATASET_ACCESS);
  if (access < 0 || (cache && H5Pset_chunk_cache(access, 12421, cache, H5D_CHUNK_CACHE_W0_DEFAULT) < 0)) {
    fail();
    return -1;
  }
  hid_t dataset = H5Dopen2(file, name, access);
  if (dataset < 0) fail();
  H5Pclose(access);
  // Opened for its samples: the cache is as it was asked for.
  if (dataset >= 0 && cache) {
    kept = dataset;
    strcpy(kept_name, name);
  }
  return dataset;
}

static void release(hid_t dataset) {
  if (dataset >= 0 && dataset != kept) H5Dclose(dataset);
}

/// A type of numbers; `is_big` for big endian ones.
static hid_t make_type(int sample, int is_big) {
  switch (sample) {
    case chdf5_u8: return H5Tcopy(H5T_STD_U8LE);
    case chdf5_u16: return H5Tcopy(is_big ? H5T_STD_U16BE : H5T_STD_U16LE);
    case chdf5_u32: return H5Tcopy(is_big ? H5T_STD_U32BE : H5T_STD_U32LE);
    case chdf5_i8: return H5Tcopy(H5T_STD_I8LE);
    case chdf5_i16: return H5Tcopy(is_big ? H5T_STD_I16BE : H5T_STD_I16LE);
    case chdf5_i32: return H5Tcopy(is_big ? H5T_STD_I32BE : H5T_STD_I32LE);
    case chdf5_f32: return H5Tcopy(is_big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
    case chdf5_f64: return H5Tcopy(is_big ? H5T_IEEE_F64BE : H5T_IEEE_F64LE);
    case chdf5_f16: {
      // binary16, which the library has no name for before 1.14.4.
      hid_t half = H5Tcopy(is_big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
      if (H5Tset_fields(half, 15, 10, 5, 0, 10) < 0 || H5Tset_size(half, 2) < 0 || H5Tset_ebias(half, 15) < 0) return -1;
      return half;
    }
    default: return -1;
  }
}

static int recognise(hid_t type, int32_t *is_big) {
  for (int sample = chdf5_u8; sample <= chdf5_f64; sample++) {
    for (*is_big = 0; *is_big < 2; ++*is_big) {
      hid_t standard = make_type(sample, *is_big);
      int is_same = H5Tequal(type, standard) > 0;
      H5Tclose(standard);
      if (is_same) return sample;
    }
  }
  *is_big = 0;
  return chdf5_other;
}

static const char *const part_names[3][2] = {{"r", "i"}, {"real", "imag"}, {"re", "im"}};

/// Which of the names a record of two has; -1 for another.
static int names_of_parts(hid_t type) {
  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return -1;
  char *first = H5Tget_member_name(type, 0), *second = H5Tget_member_name(type, 1);
  int found = -1;
  for (int i = 0; i < 3 && first && second; i++) {
    if (strcmp(first, part_names[i][0]) == 0 && strcmp(second, part_names[i][1]) == 0) found = i;
  }
  if (first) H5free_memory(first);
  if (second) H5free_memory(second);
  return found;
}

static void describe_type(hid_t type, chdf5_description *d) {
  d->size = H5Tget_size(type);
  d->components = 1;
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: d->type_class = chdf5_integers; break;
    case H5T_FLOAT: d->type_class = chdf5_floats; break;
    case H5T_STRING: d->type_class = chdf5_texts; return;
    case H5T_ENUM: d->type_class = chdf5_enumeration; return;
    case H5T_COMPOUND: {
      d->type_class = chdf5_records;
      if (names_of_parts(type) < 0) return;
      hid_t real = H5Tget_member_type(type, 0), imaginary = H5Tget_member_type(type, 1);
      int32_t other;
      int first = recognise(real, &d->is_big_endian), second = recognise(imaginary, &other);
      if (first == second && d->is_big_endian == other && (first == chdf5_f32 || first == chdf5_f64)) {
        d->sample = first;
        d->components = 2;
      }
      H5Tclose(real);
      H5Tclose(imaginary);
      return;
    }
    default: d->type_class = chdf5_rest; return;
  }
  d->sample = recognise(type, &d->is_big_endian);
}

static int describe(const char *name, chdf5_description *d) {
  hid_t dataset = open_dataset(name, 0);
  if (dataset < 0) return -1;
  memset(d, 0, sizeof *d);
  hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return -1;
  switch (H5Pget_layout(list)) {
    case H5D_COMPACT: d->layout = chdf5_compact; break;
    case H5D_CONTIGUOUS: d->layout = chdf5_contiguous; break;
    case H5D_CHUNKED: d->layout = chdf5_chunked; break;
    case H5D_VIRTUAL: d->layout = chdf5_virtual; break;
    default: d->layout = chdf5_unknown; break;
  }
  d->external = H5Pget_external_count(list);
  // Nothing is asked of other files.
  if (d->layout == chdf5_virtual || d->external != 0) return 0;
  d->filters = H5Pget_nfilters(list);
  if (d->filters < 0 || d->filters > 32) return -1;
  for (int i = 0; i < d->filters; i++) {
    unsigned flags, configuration;
    size_t values = 0;
    d->filter_ids[i] = H5Pget_filter2(
        list, (unsigned)i, &flags, &values, NULL, sizeof d->filter_names[i], d->filter_names[i], &configuration);
    d->filter_names[i][sizeof d->filter_names[i] - 1] = 0;
    d->filter_installed[i] = d->filter_ids[i] >= 0 && H5Zfilter_avail(d->filter_ids[i]) > 0;
  }
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hsize_t extents[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
  if (space < 0 || type < 0) return -1;
  d->rank = H5Sget_simple_extent_ndims(space);
  if (d->rank < 0 || d->rank > H5S_MAX_RANK || H5Sget_simple_extent_dims(space, extents, NULL) != d->rank) return -1;
  for (int i = 0; i < d->rank; i++) d->extents[i] = extents[i];
  describe_type(type, d);
  if (d->layout == chdf5_chunked) {
    if (H5Pget_chunk(list, H5S_MAX_RANK, chunk) != d->rank) return -1;
    for (int i = 0; i < d->rank; i++) d->chunk[i] = chunk[i];
    hsize_t written = 0;
    if (H5Dget_num_chunks(dataset, space, &written) < 0) return -1;
    d->chunks_written = written;
  }
  d->is_written = d->layout != chdf5_contiguous || H5Dget_offset(dataset) != HADDR_UNDEF;
  H5Sclose(space);
  H5Tclose(type);
  H5Pclose(list);
  release(dataset);
  return 0;
}

/// A single text of fixed or variable length, to be freed; NULL where there is none.
static char *single_text(hid_t type, hid_t space, hid_t attribute, hid_t dataset) {
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return NULL;
  if (H5Tis_variable_str(type) > 0) {
    char *text = NULL;
    herr_t outcome =
        attribute >= 0 ? H5Aread(attribute, type, &text) : H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text);
    return outcome < 0 || !text ? NULL : strndup(text, 4096);
  }
  size_t size = H5Tget_size(type);
  char *text = size <= 4096 ? calloc(1, size + 1) : NULL;
  if (!text) return NULL;
  herr_t outcome =
      attribute >= 0 ? H5Aread(attribute, type, text) : H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text);
  if (outcome >= 0) return text;
  free(text);
  return NULL;
}

static char *text_of(const char *name, const char *attribute) {
  if (attribute[0] == 0) {
    hid_t dataset = open_dataset(name, 0);
    if (dataset < 0) return NULL;
    char *text = single_text(H5Dget_type(dataset), H5Dget_space(dataset), -1, dataset);
    release(dataset);
    return text;
  }
  hid_t links = within(H5P_LINK_ACCESS);
  hid_t object = H5Oopen(file, name[0] ? name : "/", links);
  if (object < 0 || H5Aexists(object, attribute) <= 0) return NULL;
  hid_t value = H5Aopen(object, attribute, H5P_DEFAULT);
  char *text = value < 0 ? NULL : single_text(H5Aget_type(value), H5Aget_space(value), value, -1);
  if (value >= 0) H5Aclose(value);
  H5Oclose(object);
  return text;
}

static void *numbers_of(const char *name, uint64_t most) {
  hid_t dataset = open_dataset(name, 0);
  if (dataset < 0) return NULL;
  hid_t space = H5Dget_space(dataset);
  hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 0 || (uint64_t)count * sizeof(double) > most) return NULL;
  double *numbers = malloc((size_t)count * sizeof(double) + 1);
  if (!numbers || (count > 0 && H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) < 0)) {
    fail();
    return NULL;
  }
  reply.bytes = (uint64_t)count * sizeof(double);
  H5Sclose(space);
  release(dataset);
  return numbers;
}

static void *samples_of(const chdf5_request *request) {
  hid_t dataset = open_dataset(request->name, request->cache);
  if (dataset < 0) return NULL;
  hid_t number = make_type(request->sample, 0), memory = number;
  if (request->components == 2) {
    hid_t stored = H5Dget_type(dataset);
    int names = names_of_parts(stored);
    size_t size = H5Tget_size(number);
    memory = H5Tcreate(H5T_COMPOUND, 2 * size);
    if (names < 0 || H5Tinsert(memory, part_names[names][0], 0, number) < 0
        || H5Tinsert(memory, part_names[names][1], size, number) < 0)
      return NULL;
    H5Tclose(stored);
  }
  hsize_t start[3], count[3], total = 1;
  for (int i = 0; i < request->rank; i++) {
    start[i] = request->start[i];
    count[i] = request->count[i];
    total *= count[i];
  }
  hid_t space = H5Dget_space(dataset);
  hid_t target = H5Screate_simple(1, &total, NULL);
  size_t bytes = (size_t)total * H5Tget_size(memory);
  void *samples = malloc(bytes);
  if (!samples || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0
      || H5Dread(dataset, memory, target, space, H5P_DEFAULT, samples) < 0) {
    fail();
    free(samples);
    samples = NULL;
  }
  if (memory != number) H5Tclose(memory);
  H5Tclose(number);
  H5Sclose(space);
  H5Sclose(target);
  release(dataset);
  reply.bytes = bytes;
  return samples;
}

typedef struct listing {
  char *bytes;
  size_t count, capacity;
} listing;

static herr_t list_one(hid_t unused, const char *name, const H5O_info_t *info, void *context) {
  (void)unused;
  listing *list = context;
  size_t length = strlen(name) + 2;
  if (list->count + length > list->capacity) return 1;
  list->bytes[list->count] = info->type == H5O_TYPE_DATASET ? 'D' : 'O';
  memcpy(list->bytes + list->count + 1, name, length - 1);
  list->count += length;
  return 0;
}

static void *objects(uint64_t most) {
  listing list = {malloc(most), 0, most};
  if (!list.bytes || H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, list_one, &list, H5O_INFO_BASIC) < 0) {
    fail();
    return NULL;
  }
  reply.bytes = list.count;
  return list.bytes;
}

void chdf5_allow(uint64_t work) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  rlim_t seconds = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 3 + (rlim_t)(work / 10000000);
  struct rlimit limit = {seconds, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &limit);
}

static void serve(int socket) {
  static chdf5_request request;
  while (chdf5_take(socket, &request, sizeof request) == 0) {
    memset(&reply, 0, sizeof reply);
    chdf5_allow(request.work);
    void *payload = NULL;
    static chdf5_description description;
    switch (request.question) {
      case chdf5_kind: reply.number = kind_of(request.name); break;
      case chdf5_objects:
        if (!(payload = objects(1 << 20))) fail();
        break;
      case chdf5_text:
        payload = text_of(request.name, request.attribute);
        reply.number = payload != NULL;
        reply.bytes = payload ? strlen(payload) : 0;
        break;
      case chdf5_numbers:
        if (!(payload = numbers_of(request.name, request.work))) fail();
        break;
      case chdf5_describe:
        if (describe(request.name, &description) < 0) fail();
        reply.bytes = sizeof description;
        break;
      case chdf5_samples:
        if (!(payload = samples_of(&request))) fail();
        break;
    }
    if (reply.status != chdf5_done) reply.bytes = 0;
    const void *bytes = request.question == chdf5_describe ? &description : payload;
    if (chdf5_send(socket, &reply, sizeof reply) < 0 || chdf5_send(socket, bytes, reply.bytes) < 0) break;
    free(payload);
  }
}

/// What the child is left with: its socket, and nothing of the parent's files, handlers and appetite.
static void confine(int socket, uint64_t memory) {
  int ends[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGXCPU, SIGHUP, SIGCHLD};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) signal(ends[i], SIG_DFL);
  // The parent ends in its own time, and the child with it.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int nothing = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++) dup2(nothing, i);
  if (socket != 3) dup2(socket, 3);
  close_range(4, ~0U, 0);
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Beyond the parent's memory, which is shared until it is written to.
  // AddressSanitizer has terabytes reserved by then and takes small blocks from them: with it, this bounds large ones alone.
  char text[64] = {0};
  int statm = open("/proc/self/statm", O_RDONLY);
  if (statm >= 0 && read(statm, text, sizeof text - 1) > 0) {
    uint64_t pages = strtoull(text, NULL, 10);
    struct rlimit space = {pages * (uint64_t)sysconf(_SC_PAGESIZE) + memory, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &space);
  }
  if (statm >= 0) close(statm);
}

/// Opens the file, and answers.
static void run(int socket, const void *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  // Some file systems cannot lock; reading needs none.
  H5Pset_file_locking(access, 1, 1);
  file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (file < 0) fail();
  chdf5_send(socket, &reply, sizeof reply);
  if (file >= 0) serve(socket);
}

// MARK: The parent

void chdf5_start(const char *path, uint64_t memory, chdf5_reader *reader, chdf5_reply *answer) {
  chdf5_fork(run, path, memory, reader, answer);
}

void chdf5_fork(
    chdf5_child run, const void *context, uint64_t memory, chdf5_reader *reader, chdf5_reply *answer) {
  memset(answer, 0, sizeof *answer);
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
    answer->status = chdf5_failed;
    snprintf(answer->reason, sizeof answer->reason, "no process can be started: %s", strerror(errno));
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    confine(sockets[1], memory);
    chdf5_allow(0);
    run(3, context);
    _exit(0);
  }
  int code = errno;
  close(sockets[1]);
  if (pid < 0) {
    close(sockets[0]);
    answer->status = chdf5_failed;
    snprintf(answer->reason, sizeof answer->reason, "no process can be started: %s", strerror(code));
    return;
  }
  *reader = (chdf5_reader){sockets[0], pid};
  if (chdf5_take(sockets[0], answer, sizeof *answer) < 0) {
    memset(answer, 0, sizeof *answer);
    answer->status = chdf5_died;
  }
  answer->reason[sizeof answer->reason - 1] = 0;
  if (answer->status != chdf5_done) answer->number = chdf5_stop(reader, 1);
}

void chdf5_ask(const chdf5_reader *reader, const chdf5_request *request, chdf5_reply *answer) {
  memset(answer, 0, sizeof *answer);
  if (chdf5_send(reader->socket, request, sizeof *request) < 0
      || chdf5_take(reader->socket, answer, sizeof *answer) < 0) {
    memset(answer, 0, sizeof *answer);
    answer->status = chdf5_died;
  }
  answer->reason[sizeof answer->reason - 1] = 0;
}

int chdf5_receive(const chdf5_reader *reader, void *target, size_t bytes) {
  return chdf5_take(reader->socket, target, bytes);
}

int chdf5_stop(const chdf5_reader *reader, int has_died) {
  close(reader->socket);
  int status = 0;
  // It has closed its socket, and ends any moment.
  for (int i = 0; has_died && i < 1000; i++) {
    if (waitpid(reader->pid, &status, WNOHANG) != 0) return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    usleep(1000);
  }
  kill(reader->pid, SIGKILL);
  while (waitpid(reader->pid, &status, 0) < 0 && errno == EINTR) continue;
  return 0;
}

#endif
