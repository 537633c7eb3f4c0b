// The only place of the version; CMakeLists.txt reads it from here.
#pragma once

#define SELFSUP_VERSION_MAJOR 0
#define SELFSUP_VERSION_MINOR 1
#define SELFSUP_VERSION_PATCH 0
