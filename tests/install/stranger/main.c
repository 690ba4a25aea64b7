/* Goal: the installed C interface is enough for a program in C. */
#include <sibyl/c.h>
#include <stdio.h>

int main(int argc, char** argv) {
  sibyl_db* db = NULL;
  sibyl_buffer value = {NULL, 0};
  int found = 0;
  sibyl_error* error = argc < 2 ? NULL : sibyl_open(argv[1], NULL, &db);
  if (!error && db) error = sibyl_put(db, SIBYL_DEFAULT_TREE, "key", 3, "value", 5, 1);
  if (!error && db) error = sibyl_get(db, NULL, SIBYL_DEFAULT_TREE, "key", 3, &found, &value);
  if (error) fprintf(stderr, "%s\n", sibyl_error_message(error));
  sibyl_error_free(error);
  sibyl_close(db);
  const int right = found && value.size == 5;
  sibyl_buffer_free(&value);
  return right ? 0 : 1;
}
