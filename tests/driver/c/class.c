/* Rows of int32 scores on stdin; prints the class of each. */
#include <stdio.h>

#include "bnn.h"
#include "bnn_design.h"

int main(void) {
  int32_t scores[16];
  while (fread(scores, sizeof *scores, bnn_design.classes, stdin) == bnn_design.classes)
    printf("%lu\n", (unsigned long)bnn_class(&bnn_design, scores));
  return 0;
}
