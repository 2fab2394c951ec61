#pragma once
// nifti2_io.h includes this file by its bare name.
#include <nifti/znzlib.h>
