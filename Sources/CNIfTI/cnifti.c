// Empty where the program is built without the trait NIfTI, and so without the library.
#ifdef NIFTI_TRAIT

#include "cnifti.h"

#include <nifti/nifti2_io.h>
#include <string.h>

/// The library otherwise writes to the terminal what our errors say.
__attribute__((constructor)) static void be_silent(void) { nifti_set_debug_level(0); }

int cnifti_version(const void *bytes, size_t count) { return nifti_header_version(bytes, count); }

int cnifti_read_header(const void *bytes, int version, cnifti_header *header) {
  nifti_image *image;
  if (version == 2) {
    nifti_2_header raw;
    memcpy(&raw, bytes, sizeof raw);
    image = nifti_convert_n2hdr2nim(raw, NULL);
  } else {
    nifti_1_header raw;
    memcpy(&raw, bytes, sizeof raw);
    image = nifti_convert_n1hdr2nim(raw, NULL);
  }
  if (!image) return 0;
  memset(header, 0, sizeof *header);
  header->is_one_file = image->nifti_type == NIFTI_FTYPE_NIFTI1_1;
  header->is_swapped = image->byteorder != nifti_short_order();
  header->dimensions = (int)image->ndim;
  for (int i = 0; i < 7; i++) header->extents[i] = image->dim[i + 1];
  header->offset = image->iname_offset;
  header->slope = image->scl_slope;
  header->intercept = image->scl_inter;
  header->length_unit = image->xyz_units;
  header->time_unit = image->time_units;
  header->time_spacing = image->dt;
  header->qform_code = image->qform_code;
  header->sform_code = image->sform_code;
  memcpy(header->qform, image->qto_xyz.m, sizeof header->qform);
  memcpy(header->sform, image->sto_xyz.m, sizeof header->sform);
  header->intent = image->intent_code;
  memcpy(header->intent_name, image->intent_name, sizeof header->intent_name);
  nifti_image_free(image);
  return 1;
}

int cnifti_make_header(const int64_t extents[3], const double spacing[3], int is_complex, void *bytes) {
  const int64_t dimensions[8] = {3, extents[0], extents[1], extents[2], 1, 1, 1, 1};
  nifti_image *image = nifti_make_new_nim(dimensions, is_complex ? DT_COMPLEX64 : DT_FLOAT32, 0);
  if (!image) return 0;
  int is_first = 1;
  int is_known = 0;
  for (int i = 0; i < 3; i++) {
    if (extents[i] > INT16_MAX) is_first = 0;
    if (spacing[i] > 0) is_known = 1;
  }
  image->dx = spacing[0];
  image->dy = spacing[1];
  image->dz = spacing[2];
  image->xyz_units = is_known ? NIFTI_UNITS_MM : NIFTI_UNITS_UNKNOWN;
  image->scl_slope = 1;
  image->nifti_type = is_first ? NIFTI_FTYPE_NIFTI1_1 : NIFTI_FTYPE_NIFTI2_1;
  nifti_set_iname_offset(image, is_first ? 1 : 2);
  union {
    nifti_1_header first;
    nifti_2_header second;
  } header;
  const int size = is_first ? sizeof header.first : sizeof header.second;
  const int failed =
      is_first ? nifti_convert_nim2n1hdr(image, &header.first) : nifti_convert_nim2n2hdr(image, &header.second);
  nifti_image_free(image);
  if (failed) return 0;
  // Of version 2 the library leaves the offset of a single file at 0, and the end of its mark out.
  if (!is_first) {
    header.second.vox_offset = size + 4;
    memcpy(header.second.magic, "n+2\0\r\n\032\n", sizeof header.second.magic);
  }
  memset(bytes, 0, size + 4);
  memcpy(bytes, &header, size);
  return size + 4;
}

const char *cnifti_type_name(int type) { return nifti_datatype_string(type); }
const char *cnifti_unit_name(int unit) { return nifti_units_string(unit); }
const char *cnifti_intent_name(int intent) { return nifti_intent_string(intent); }
const char *cnifti_space_name(int code) { return nifti_xform_string(code); }

void cnifti_orientation(const double *matrix, char letters[4]) {
  nifti_dmat44 full = {{{0}}};
  memcpy(full.m, matrix, 12 * sizeof *matrix);
  full.m[3][3] = 1;
  int axes[3] = {0, 0, 0};
  nifti_dmat44_to_orientation(full, &axes[0], &axes[1], &axes[2]);
  for (int i = 0; i < 3; i++) letters[i] = axes[i] >= NIFTI_L2R && axes[i] <= NIFTI_S2I ? "?RLAPSI"[axes[i]] : '?';
  letters[3] = 0;
}

cnifti_file *cnifti_open(const char *path) { return znzopen(path, "rbe", 1); }
void cnifti_close(cnifti_file *file) { Xznzclose(&file); }
int64_t cnifti_seek(cnifti_file *file, int64_t offset) { return znzseek(file, offset, SEEK_SET); }
int64_t cnifti_read(cnifti_file *file, void *target, size_t count) {
  // In bytes: znzread counts members, and says (size_t)-1 of what cannot be decompressed.
  return (int64_t)znzread(target, 1, count, file);
}

#endif
