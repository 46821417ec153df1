/* How bnn.c packs bytes and reads scores: words BITS COUNT, values as bytes on stdin; prints the
 * scores, then the same bytes as they are packed, one short, into whole words.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bnn.c"

int main(int argc, char **argv) {
  static uint32_t values[1024], packed[1024];
  const unsigned bits = argc == 3 ? (unsigned)atoi(argv[1]) : 0u;
  const size_t count = argc == 3 ? (size_t)atoi(argv[2]) : 0u, bytes = count * bits / 8u;
  size_t k;
  if (fread(values, 1, sizeof values, stdin) != bytes) return 1;
  for (k = 0; k < count; ++k) printf("%ld ", (long)score_at(values, bits, k));
  for (k = 0; k < 1024; ++k) packed[k] = 0xA5A5A5A5u;
  copy_in(packed, bytes, (const unsigned char *)values, bytes - 1u);
  printf("\n");
  for (k = 0; k < bytes + 4u; ++k) printf("%02x", ((const unsigned char *)packed)[k]);
  printf("\n");
  return 0;
}
