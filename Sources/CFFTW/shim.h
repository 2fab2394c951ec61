#pragma once
#include <fftw3.h>
#include "gridding.h"
#include "rays.h"
