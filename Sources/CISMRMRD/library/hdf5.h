#pragma once
// The headers of libismrmrd ask for <hdf5.h>, which Debian keeps in a folder of its own.
#if __has_include(<hdf5/serial/hdf5.h>)
#include <hdf5/serial/hdf5.h>
#else
#include_next <hdf5.h>
#endif
