/* What the tests of the C interface check with: a check that fails names its line and is counted. */

#ifndef SIBYL_TESTS_ENGINE_C_CHECK_H_
#define SIBYL_TESTS_ENGINE_C_CHECK_H_

#include <sibyl/c.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) {                                       \
      ++failures;                                             \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
    }                                                         \
  } while (0)

/* No error, or it is shown. */
static int fine(sibyl_error* error) {
  if (error == NULL) return 1;
  fprintf(stderr, "error %d: %s\n", sibyl_error_code(error), sibyl_error_message(error));
  sibyl_error_free(error);
  return 0;
}

/* An error with this code, and a message. */
static int refused(sibyl_error* error, int code) {
  const int right =
      error != NULL && sibyl_error_code(error) == code && strlen(sibyl_error_message(error)) > 0;
  sibyl_error_free(error);
  return right;
}

#endif /* SIBYL_TESTS_ENGINE_C_CHECK_H_ */
