#include "selfsup/core/objects.hpp"

#include "catch.hpp"

#include "selfsup/core/buffer.hpp"

#include <new>
#include <utility>

namespace {

// Throws when it is made while none are left.
struct Scarce {
  inline static int left = 100;
  Scarce() {
    if (left == 0) throw std::bad_alloc();
    --left;
  }
  int number = 0;
};

}  // namespace

TEST_CASE("objects grow, never shrink, and keep what they hold") {
  selfsup::Objects<selfsup::Buffer<int>> objects;
  CHECK(objects.count() == 0);
  CHECK(objects.begin() == objects.end());
  objects.grow(2);
  objects[1].grow(1)[0] = 7;
  const int* entries = objects[1].data();
  objects.grow(1);
  CHECK(objects.count() == 2);
  objects.grow(5);
  CHECK(objects.count() == 5);
  CHECK(objects[1].data() == entries);
  CHECK(objects[4].bytes() == 0);
}

TEST_CASE("a copy of objects holds copies, a moved one the old ones") {
  selfsup::Objects<selfsup::Buffer<int>> objects;
  objects.grow(3);
  objects[2].grow(1)[0] = 7;
  selfsup::Objects<selfsup::Buffer<int>> copy(objects);
  objects[2].data()[0] = 8;
  CHECK(copy[2].data()[0] == 7);
  const int* entries = copy[2].data();
  selfsup::Objects<selfsup::Buffer<int>> moved(std::move(copy));
  CHECK(moved[2].data() == entries);
  objects = moved;
  CHECK(objects[2].data() != entries);
  CHECK(objects[2].data()[0] == 7);
  objects = std::move(moved);
  CHECK(objects[2].data() == entries);
}

TEST_CASE("objects that cannot grow keep what they hold") {
  selfsup::Objects<Scarce> objects;
  objects.grow(3);
  objects[2].number = 7;
  Scarce::left = 4;
  CHECK_THROWS_AS(objects.grow(5), std::bad_alloc);
  CHECK(objects.count() == 3);
  CHECK(objects[2].number == 7);
}
