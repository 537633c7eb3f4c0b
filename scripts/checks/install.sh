#!/usr/bin/env bash
# Checks that others can use selfsup: by find_package and pkg-config from an installed tree that was
# moved after the installation, and by add_subdirectory with and without dependencies of their own.
# Each builds and runs tests/consumer/main.cpp in build/install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source_dir="$PWD"
work="$PWD/build/install"
rm -rf "$work"
mkdir -p "$work"
cd "$work"

explain() {
  echo "check install: failed, the end of $work/log:" >&2
  tail -n 40 "$work/log" >&2
}
trap explain ERR
set -o errtrace

# Without the user's registry, where CMake finds packages that were never installed.
configure() {
  cmake -G Ninja -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF \
    -DCMAKE_FIND_USE_SYSTEM_PACKAGE_REGISTRY=OFF "$@" >>"$work/log" 2>&1
}
build_and_run() {  # build_and_run FOLDER
  cmake --build "$1" >>"$work/log" 2>&1
  ctest --test-dir "$1" --output-on-failure --no-tests=error >>"$work/log" 2>&1
}

configure -S "$source_dir" -B stage -DCMAKE_BUILD_TYPE=Release -DSELFSUP_BUILD_TESTS=OFF \
  -DSELFSUP_BUILD_BENCH=OFF -DSELFSUP_BUILD_EXAMPLES=OFF
cmake --install stage --prefix "$work/first" >>"$work/log"
mv first prefix

if leaks="$(grep -nF -e -march -e -W -e "$source_dir" \
  prefix/share/cmake/selfsup/selfsupTargets*.cmake prefix/share/pkgconfig/selfsup.pc)"; then
  echo "check install: the installed package holds flags or paths of this machine:" >&2
  echo "$leaks" >&2
  exit 1
fi

for compiler in g++ clang++-14; do
  configure -S "$source_dir/tests/consumer/find_package" -B "find_package-$compiler" \
    -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler"
  build_and_run "find_package-$compiler"
done

configure -S "$source_dir/tests/consumer/add_subdirectory" -B add_subdirectory \
  -DSELFSUP_SOURCE_DIR="$source_dir"
build_and_run add_subdirectory

xsimd_include="$(pkg-config --variable=includedir xsimd)"
eigen_include="$(pkg-config --variable=prefix eigen3)/include/eigen3"
configure -S "$source_dir/tests/consumer/add_subdirectory" -B fetched \
  -DSELFSUP_SOURCE_DIR="$source_dir" -DFETCHED_DEPENDENCIES=ON \
  -DXSIMD_INCLUDE_DIR="$xsimd_include" -DEIGEN_INCLUDE_DIR="$eigen_include"
build_and_run fetched

# pkg-config gives -I, under which a compiler warns about headers that are not the user's.
export PKG_CONFIG_PATH="prefix/share/pkgconfig"
read -ra flags < <(pkg-config --cflags selfsup)
for compiler in g++ clang++-14; do
  "$compiler" -std=c++17 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "${flags[@]}" \
    "$source_dir/tests/consumer/main.cpp" -o "pkg_config-$compiler" >>"$work/log" 2>&1
  "./pkg_config-$compiler" >>"$work/log"
done

echo "check install: find_package, add_subdirectory and pkg-config serve their consumers"
