#pragma once
#include <fftw3.h>
#include "gridding.h"
#include "blur.h"
#include "coils.h"
#include "rays.h"
