// What SQLite's test harness wants of the two of its files that test the inside of btree.c, which
// the fixture leaves out: nothing.

#include <tcl.h>

int Sqlitetest3_Init(Tcl_Interp* interpreter);
int Sqlitetest3_Init(Tcl_Interp* interpreter) {
  (void)interpreter;
  return TCL_OK;
}

int sqlite3BtreeSharedCacheReport(void* data, Tcl_Interp* interpreter, int count,
                                  Tcl_Obj* const* words);
int sqlite3BtreeSharedCacheReport(void* data, Tcl_Interp* interpreter, int count,
                                  Tcl_Obj* const* words) {
  (void)data;
  (void)interpreter;
  (void)count;
  (void)words;
  return TCL_OK;
}
