# Turns SQLite's amalgamation into ours: its B-tree stays for its own files, and btree_dispatch.c
# answers btree.h, choosing per database.
#
#   tclsh patch_sqlite.tcl SQLITE_DIR OUTPUT_DIR
#
# reads SQLITE_DIR/{sqlite3.c,shell.c} and writes OUTPUT_DIR/{sqlite3.c,shell.c}. Every change must
# find the text it changes exactly once; otherwise the program stops and names it, for then this
# is not the SQLite that the change was written for.

# The functions of btree.h that btree_dispatch.c implements. SQLite's own get the prefix
# "nativeBtree" instead of "sqlite3Btree". All others work unchanged for both kinds of database.
set dispatched {
  BeginStmt BeginTrans Checkpoint ClearCursor ClearTable ClearTableOfCursor Close CloseCursor
  Commit CommitPhaseOne CommitPhaseTwo Count CreateTable Cursor CursorRestore Delete DropTable Eof
  First GetFilename GetJournalname GetMeta IncrVacuum IncrblobCursor IndexMoveto Insert IntegerKey
  IntegrityCheck IsReadonly Last LastPage MaxRecordSize NewDb Next Open Payload PayloadChecked PayloadFetch
  PayloadSize Previous PutData Rollback RowCountEst Savepoint SetAutoVacuum SetPagerFlags SetVersion
  TableMoveto TransferRow TripAllCursors TxnState UpdateMeta
}

# change WHY TEXT REPLACEMENT, in sqlite3.c.
set changes {}
proc change {why text replacement} {
  lappend ::changes [list $why $text $replacement]
}

change "a Btree of ours has a SibylBtree, and both kinds may hold a row on its way to the other" \
  "  u32 iBDataVersion; /* Combines with pBt->pPager->iDataVersion */\n" \
  "  u32 iBDataVersion; /* Combines with pBt->pPager->iDataVersion */
  struct SibylBtree *pSibyl;  /* Not null: a database of SibylDB */
  u8 *aTransfer;              /* A row for sqlite3BtreeInsert(BTREE_PREFORMAT) */
  u32 nTransfer;
  u8 bTransfer;               /* True if aTransfer has one */\n"

change "a cursor of ours is recognized before anything else is known of it" \
  "  void *pKey;               /* Saved key that was cursor last known position */\n" \
  "  void *pKey;               /* Saved key that was cursor last known position */
  struct SibylCursor *pSibyl;  /* Not null: a cursor of SibylDB */\n"

change "a unique index of ours has short keys" \
  "  u16 nAllField;      /* Total columns, including key plus others */\n" \
  "  u16 nAllField;      /* Total columns, including key plus others */
  u16 nUniqueField;   /* Unique ones that may be NULL; 0: the key is as long always */\n"

change "nothing else has them" \
  "    p->nAllField = (u16)(N+X);
    p->enc = ENC(db);" \
  "    p->nAllField = (u16)(N+X);
    p->nUniqueField = 0;
    p->enc = ENC(db);"

change "which index is unique" \
  "    pKey = sqlite3KeyInfoAlloc(pParse->db, nCol, 0);
  }
  if( pKey ){
    assert( sqlite3KeyInfoIsWriteable(pKey) );" \
  "    pKey = sqlite3KeyInfoAlloc(pParse->db, nCol, 0);
    if( pKey && IsUniqueIndex(pIdx) ) pKey->nUniqueField = (u16)nKey;
  }
  if( pKey ){
    assert( sqlite3KeyInfoIsWriteable(pKey) );"

change "connections lock cheaply while one thread has them" \
  "#else
      pFrom = sqlite3DefaultMutex();
#endif
    }else{" \
  "#else
      pFrom = sibyl_mutex_methods();
#endif
    }else{"

change "and the function that says how" \
  "SQLITE_PRIVATE   sqlite3_mutex_methods const *sqlite3DefaultMutex(void);\n" \
  "SQLITE_PRIVATE   sqlite3_mutex_methods const *sqlite3DefaultMutex(void);
extern sqlite3_mutex_methods const *sibyl_mutex_methods(void);\n"

change "files before btree.c ask too" \
  "typedef struct BtShared BtShared;\n" \
  "typedef struct BtShared BtShared;
static int sibylIsOurs(const Btree*);
static int sibylSortsEntries(const Btree*, const struct Index*);
static void sibylForgetEstimates(sqlite3*);
static int sibylPlans(sqlite3*, const Table*);
static const char* sibylIndexWord(sqlite3*, const Table*, const Index*);
static u8* sibylSerialize(sqlite3*, Btree*, i64*, unsigned);\n"

change "an entry of ours is compared by its key" \
  "    sqlite3VdbeMemInit(&m, db, 0);
    rc = sqlite3VdbeMemFromBtreeZeroOffset(pCur, (u32)nCellKey, &m);
    if( rc ) goto abort_due_to_error;
    res = sqlite3VdbeRecordCompareWithSkip(m.n, m.z, &r, 0);
    sqlite3VdbeMemReleaseMalloc(&m);
  }" \
  "    sqlite3VdbeMemInit(&m, db, 0);
    rc = sqlite3VdbeMemFromBtreeZeroOffset(pCur, (u32)nCellKey, &m);
    if( rc ) goto abort_due_to_error;
    res = sqlite3VdbeRecordCompareWithSkip(m.n, m.z, &r, 0);
    sqlite3VdbeMemReleaseMalloc(&m);
    }
  }"

change "and has no size yet" \
  "    assert( pC->eCurType==CURTYPE_BTREE );
    pCur = pC->uc.pCursor;
    assert( sqlite3BtreeCursorIsValid(pCur) );
    nCellKey = sqlite3BtreePayloadSize(pCur);
    /* nCellKey will always be between 0 and 0xffffffff because" \
  "    assert( pC->eCurType==CURTYPE_BTREE );
    pCur = pC->uc.pCursor;
    assert( sqlite3BtreeCursorIsValid(pCur) );
    if( pCur->pSibyl ){
      rc = sibylCompareEntry(pCur, &r, &res);
      if( rc ) goto abort_due_to_error;
    }else{
    nCellKey = sqlite3BtreePayloadSize(pCur);
    /* nCellKey will always be between 0 and 0xffffffff because"

change "a seek for a range of rowids places the cursor for walking on" \
  "    rc = sqlite3BtreeTableMoveto(pC->uc.pCursor, (u64)iKey, 0, &res);
    pC->movetoTarget = iKey;  /* Used by OP_Delete */" \
  "    rc = sibylTableSeek(pC->uc.pCursor, iKey, &res);
    pC->movetoTarget = iKey;  /* Used by OP_Delete */"

change "insertions into ours need no place at the end" \
  "    pC->seekResult = -1;
    if( sqlite3BtreeCursorIsValidNN(pCrsr) ){" \
  "    pC->seekResult = -1;
    if( pCrsr->pSibyl || sqlite3BtreeCursorIsValidNN(pCrsr) ){"

change "the rowid of an entry of ours is where the cursor finds it" \
  "  assert( sqlite3BtreeCursorIsValid(pCur) );
  nCellKey = sqlite3BtreePayloadSize(pCur);
  assert( (nCellKey & SQLITE_MAX_U32)==(u64)nCellKey );" \
  "  assert( sqlite3BtreeCursorIsValid(pCur) );
  if( pCur->pSibyl ) return sibylIndexRowid(pCur, rowid);
  nCellKey = sqlite3BtreePayloadSize(pCur);
  assert( (nCellKey & SQLITE_MAX_U32)==(u64)nCellKey );"

change "an error says what the engine said" \
  "    sqlite3VdbeError(p, \"%s\", sqlite3ErrStr(rc));\n  }\n  p->rc = rc;\n  sqlite3SystemError(db, rc);" \
  "    sqlite3VdbeError(p, \"%s\", sibylErrorText(db, rc));\n  }\n  p->rc = rc;\n  sqlite3SystemError(db, rc);"

change "so does an error while the schema is read" \
  "      sqlite3SetString(pzErrMsg, db, sqlite3ErrStr(rc));\n      goto initone_error_out;" \
  "      sqlite3SetString(pzErrMsg, db, sibylErrorText(db, rc));\n      goto initone_error_out;"

change "and an error of COMMIT" \
  "          p->rc = rc;\n          sqlite3RollbackAll(db, SQLITE_OK);" \
  "          p->rc = rc;
          if( p->zErrMsg==0 && sibylHasErrorText(db, rc) ){
            sqlite3VdbeError(p, \"%s\", sibylErrorText(db, rc));
          }
          sqlite3RollbackAll(db, SQLITE_OK);"

change "PRAGMA journal_mode answers wal and changes nothing" \
  "  eOld = sqlite3PagerGetJournalMode(pPager);\n  if( eNew==PAGER_JOURNALMODE_QUERY ) eNew = eOld;" \
  "  if( sibylIsOurs(pBt) ){
    sqlite3VdbeMemSetStr(pOut, \"wal\", -1, SQLITE_UTF8, SQLITE_STATIC);
    sqlite3VdbeChangeEncoding(pOut, encoding);
    break;
  }
  eOld = sqlite3PagerGetJournalMode(pPager);\n  if( eNew==PAGER_JOURNALMODE_QUERY ) eNew = eOld;"

change "PRAGMA page_count tells the size of the database" \
  "pOut->u.i = sqlite3BtreeLastPage(db->aDb\[pOp->p1].pBt);" \
  "pOut->u.i = sibylPageCount(db->aDb\[pOp->p1].pBt);"

change "CREATE INDEX leaves the sorting to a cursor of ours: it is opened before the table is read" \
  "  /* Open the sorter cursor if we are to use one. */
  iSorter = pParse->nTab++;
  sqlite3VdbeAddOp4(v, OP_SorterOpen, iSorter, 0, pIndex->nKeyCol, (char*)
                    sqlite3KeyInfoRef(pKey), P4_KEYINFO);\n" \
  "  const int bOurs = sibylSortsEntries(db->aDb\[iDb].pBt, pIndex);
  iSorter = pParse->nTab++;
  if( bOurs ){
    if( memRootPage<0 ) sqlite3VdbeAddOp2(v, OP_Clear, tnum, iDb);
    sqlite3VdbeAddOp4(v, OP_OpenWrite, iIdx, (int)tnum, iDb, (char *)pKey, P4_KEYINFO);
    sqlite3VdbeChangeP5(v, OPFLAG_BULKCSR|((memRootPage>=0)?OPFLAG_P2ISREG:0));
    sqlite3MayAbort(pParse);
  }else{
    sqlite3VdbeAddOp4(v, OP_SorterOpen, iSorter, 0, pIndex->nKeyCol, (char*)
                      sqlite3KeyInfoRef(pKey), P4_KEYINFO);
  }\n"

change "and takes the entries as they come" \
  "  sqlite3VdbeAddOp2(v, OP_SorterInsert, iSorter, regRecord);
  sqlite3ResolvePartIdxLabel(pParse, iPartIdxLabel);
  sqlite3VdbeAddOp2(v, OP_Next, iTab, addr1+1); VdbeCoverage(v);
  sqlite3VdbeJumpHere(v, addr1);
  if( memRootPage<0 ) sqlite3VdbeAddOp2(v, OP_Clear, tnum, iDb);" \
  "  if( bOurs ){
    sqlite3VdbeAddOp2(v, OP_IdxInsert, iIdx, regRecord);
    sqlite3VdbeChangeP5(v, OPFLAG_SAVEPOSITION);
  }else{
    sqlite3VdbeAddOp2(v, OP_SorterInsert, iSorter, regRecord);
  }
  sqlite3ResolvePartIdxLabel(pParse, iPartIdxLabel);
  sqlite3VdbeAddOp2(v, OP_Next, iTab, addr1+1); VdbeCoverage(v);
  sqlite3VdbeJumpHere(v, addr1);
  if( bOurs ){
    sqlite3VdbeAddOp2(v, OP_Last, iIdx, 0);
    sqlite3ReleaseTempReg(pParse, regRecord);
    sqlite3VdbeAddOp1(v, OP_Close, iTab);
    sqlite3VdbeAddOp1(v, OP_Close, iIdx);
    return;
  }
  if( memRootPage<0 ) sqlite3VdbeAddOp2(v, OP_Clear, tnum, iDb);"

change "VACUUM compacts" \
  "  saved_openFlags = db->openFlags;\n  if( pOut ){" \
  "  if( pOut==0 && sibylIsOurs(db->aDb\[iDb].pBt) ){
    return sibylVacuum(pzErrMsg, db, iDb);
  }
  saved_openFlags = db->openFlags;\n  if( pOut ){"

change "VACUUM INTO refuses a database of ours that exists" \
  "    if( id->pMethods!=0 && (sqlite3OsFileSize(id, &sz)!=SQLITE_OK || sz>0) ){" \
  "    if( sibylHasContent(pTemp)
     || (id->pMethods!=0 && (sqlite3OsFileSize(id, &sz)!=SQLITE_OK || sz>0)) ){"

change "a backup may go through an image of a source of ours" \
  "  sqlite3_backup *pNext;   /* Next backup associated with source pager */\n};\n" \
  "  sqlite3_backup *pNext;   /* Next backup associated with source pager */
  Btree *pOurSrc;          /* Not null: the database of SibylDB of which pSrc is an image */
  int bImageFilled;        /* True once the image is complete */
};
#include \"sql/btree_copy.c\"\n"

change "a backup begins" \
  "|| checkReadTransaction(pDestDb, p->pDest)!=SQLITE_OK\n     ){" \
  "|| checkReadTransaction(pDestDb, p->pDest)!=SQLITE_OK
     || sibylBackupInit(p)!=SQLITE_OK
     ){"

change "a step of a backup" \
  "  rc = p->rc;\n  if( !isFatalError(rc) ){\n    Pager * const pSrcPager" \
  "  rc = p->rc;
  if( !isFatalError(rc) && sibylBackupStep(p, nPage, &rc) ){
    p->rc = rc;
  }else if( !isFatalError(rc) ){\n    Pager * const pSrcPager"

change "a backup's error says what the engine said" \
  "    sqlite3Error(p->pDestDb, rc);\n\n    /* Exit the mutexes and free the backup context structure. */" \
  "    sibylBackupError(p, rc);\n\n    /* Exit the mutexes and free the backup context structure. */"

change "a backup ends" \
  "    ** sqlite3_backup_finish(). */\n    sqlite3_free(p);" \
  "    ** sqlite3_backup_finish(). */\n    sibylBackupFinish(p);\n    sqlite3_free(p);"

change "sqlite3_serialize makes an image of pages" \
  "  pBt = db->aDb\[iDb].pBt;\n  if( pBt==0 ) return 0;\n  szPage = sqlite3BtreeGetPageSize(pBt);" \
  "  pBt = db->aDb\[iDb].pBt;
  if( pBt==0 ) return 0;
  if( sibylIsOurs(pBt) ) return sibylSerialize(db, pBt, piSize, mFlags);
  szPage = sqlite3BtreeGetPageSize(pBt);"

change "every connection has the tables of statistics" \
  "static int (*const sqlite3BuiltinExtensions\[])(sqlite3*) = {\n" \
  "static int (*const sqlite3BuiltinExtensions\[])(sqlite3*) = {\n  sibyl_register_statistics,\n"

change "SQLITE_FCNTL_DATA_VERSION" \
  "*(unsigned int*)pArg = sqlite3PagerDataVersion(pPager);" \
  "*(unsigned int*)pArg = sibylIsOurs(pBtree)
          ? sibylDataVersion(pBtree) : sqlite3PagerDataVersion(pPager);"

change "other controls of a file" \
  "    }else{\n      int nSave = db->busyHandler.nBusy;\n      rc = sqlite3OsFileControl(fd, op, pArg);" \
  "    }else if( sibylIsOurs(pBtree) ){
      rc = sibylFileControl(pBtree, op, pArg);
    }else{
      int nSave = db->busyHandler.nBusy;
      rc = sqlite3OsFileControl(fd, op, pArg);"

change "a connection knows whether models help to plan" \
  "  u8 mTrace;                    /* zero or more SQLITE_TRACE flags */\n" \
  "  u8 mTrace;                    /* zero or more SQLITE_TRACE flags */
  u8 bSibylPlanner;             /* PRAGMA sibyl_planner */\n"

change "integrity_check does not look for equal entries where keys rule them out" \
  "            if( IsUniqueIndex(pIdx) ){
              int uniqOk = sqlite3VdbeMakeLabel(pParse);" \
  "            if( IsUniqueIndex(pIdx) && !sibylKeysAreUnique(db->aDb\[i].pBt) ){
              int uniqOk = sqlite3VdbeMakeLabel(pParse);"

change "the pragmas of ours are compiled" \
  "/*\n** Process a pragma statement." \
  "#include \"sql/pragmas.c\"\n\n/*\n** Process a pragma statement."

change "where SQLite's are not known" \
  "    ** unknown pragma is issued. */\n    goto pragma_out;" \
  "    ** unknown pragma is issued. */
    sibylPragma(pParse, v, iDb, zLeft, zRight);
    goto pragma_out;"

change "the planner asks the models" \
  "/*\n** Adjust the cost C by the costMult facter T." \
  "#include \"sql/planner.c\"\n#include \"sql/point_plan.c\"\n#include \"sql/append_plan.c\"\n\n/*\n** Adjust the cost C by the costMult facter T."

change "how many rows a table has" \
  "  assert( !IsVirtual(pSrc->pTab) );\n\n  if( pSrc->fg.isIndexedBy ){" \
  "  assert( !IsVirtual(pSrc->pTab) );
  sibylEstimateTable(pWInfo->pParse->db, pTab);

  if( pSrc->fg.isIndexedBy ){"

change "and how many entries a loop visits" \
  "    /* Set rCostIdx to the cost of visiting selected rows in index. Add" \
  "    if( nInMul==0 ) sibylEstimateLoop(pParse, pProbe, pNew, pBtm, pTop);

    /* Set rCostIdx to the cost of visiting selected rows in index. Add"

change "EXPLAIN QUERY PLAN tells of a learned index" \
  "        sqlite3_str_append(&str, \" USING \", 7);
        sqlite3_str_appendf(&str, zFmt, pIdx->zName);" \
  "        sqlite3_str_append(&str, \" USING \", 7);
        if( (flags & WHERE_AUTO_INDEX)==0 ){
          sqlite3_str_appendall(&str, sibylIndexWord(db, pItem->pTab, pIdx));
        }
        sqlite3_str_appendf(&str, zFmt, pIdx->zName);"

change "and of a learned table" \
  "sqlite3_str_appendf(&str, \" USING INTEGER PRIMARY KEY (%s\", zRowid);" \
  "sqlite3_str_appendf(&str, \" USING %sINTEGER PRIMARY KEY (%s\",
                          sibylIndexWord(db, pItem->pTab, 0), zRowid);"

change "and of the rows expected" \
  "      sqlite3_str_append(&str, \" (~1 row)\", 9);\n    }\n#endif\n" \
  "      sqlite3_str_append(&str, \" (~1 row)\", 9);\n    }\n#endif
    if( sibylPlans(db, pItem->pTab) ){
      sqlite3_str_appendf(&str, \" (~%llu rows)\",
                          pLoop->nOut>=10 ? sqlite3LogEstToInt(pLoop->nOut) : 1);
    }\n"

change "OFFSET on ours is arithmetic" \
  "  VdbeBranchTaken( pIn1->u.i>0, 2);
  if( pIn1->u.i>0 ){
    pIn1->u.i -= pOp->p3;" \
  "  VdbeBranchTaken( pIn1->u.i>0, 2);
  if( pIn1->u.i>0 ){
    if( pIn1->u.i>=SIBYL_FEWEST_SKIPPED && pOp->p3==1 ){
      rc = sibylSkipRows(p, aOp, pOp, &pIn1->u.i);
      if( rc ) goto abort_due_to_error;
    }
    pIn1->u.i -= pOp->p3;"

# shell_change WHY TEXT REPLACEMENT, in shell.c.
set shell_changes {}
proc shell_change {why text replacement} {
  lappend ::shell_changes [list $why $text $replacement]
}

shell_change "the prompt says where one is" {mainPrompt,"sqlite> "} {mainPrompt,"sibyl> "}
shell_change "the prompt of further lines" {continuePrompt,"   ...> "} {continuePrompt,"  ...> "}
shell_change "the history has its own file" {"%s/.sqlite_history"} {"%s/.sibyl_history"}

shell_change "the shell's additions" \
  "#include <assert.h>\n#include \"sqlite3.h\"\n" \
  "#include <assert.h>\n#include \"sqlite3.h\"\n#include \"sql/shell/additions.h\"\n"

shell_change "the command .learned" \
  "  if( c=='l' && n>=5 && cli_strncmp(azArg\[0], \"limits\", n)==0 ){" \
  "  if( c=='l' && n>1 && cli_strncmp(azArg\[0], \"learned\", n)==0 ){
    open_db(p, 0);
    rc = sibyl_show_learned(p->db, nArg>1 ? azArg\[1] : 0, p->out);
  }else

  if( c=='l' && n>=5 && cli_strncmp(azArg\[0], \"limits\", n)==0 ){"

shell_change "and the help for it" \
  {  ".limit ?LIMIT? ?VAL?     Display or change the value of an SQLITE_LIMIT",} \
  {  ".learned ?TABLE?         Show the models of a table and its indexes",
  ".limit ?LIMIT? ?VAL?     Display or change the value of an SQLITE_LIMIT",}

shell_change ".import shows how far it is" \
  "    do{\n      int startLine = sCtx.nLine;" \
  "    SibylProgress progress = sibyl_progress_begin(sCtx.in);
    do{
      int startLine = sCtx.nLine;
      sibyl_progress_row(&progress, sCtx.nRow);"

shell_change "until its end" \
  "    }while( sCtx.cTerm!=EOF );" \
  "    }while( sCtx.cTerm!=EOF );\n    sibyl_progress_end(&progress);"

proc stop {message} {
  puts stderr "patch_sqlite.tcl: $message"
  exit 1
}

proc read_file {path} {
  if {[catch {open $path r} file]} { stop "cannot read $path" }
  fconfigure $file -encoding utf-8 -translation lf
  set text [read $file]
  close $file
  return $text
}

proc write_file {path text} {
  set file [open $path w]
  fconfigure $file -encoding utf-8 -translation lf
  puts -nonewline $file $text
  close $file
}

# The index of `needle` in `text`, where it must be exactly once.
proc find_once {text needle why} {
  set at [string first $needle $text]
  if {$at < 0} { stop "not found ($why): $needle" }
  if {[string first $needle $text [expr {$at + 1}]] >= 0} { stop "found twice ($why): $needle" }
  return $at
}

proc replace_once {text needle replacement why} {
  set at [find_once $text $needle $why]
  return [string replace $text $at [expr {$at + [string length $needle] - 1}] $replacement]
}

# {first last} index of the file `name` within the amalgamation.
proc file_range {text name} {
  set first [find_once $text "/************** Begin file $name **" "the file $name"]
  set last [find_once $text "/************** End of $name **" "the end of the file $name"]
  return [list $first $last]
}

# The declaration of sqlite3Btree$name in btree.h, renamed.
proc native_prototype {header name} {
  set pattern "SQLITE_PRIVATE\\s+\[^;#]*?\\msqlite3Btree${name}\\(\[^;]*;"
  if {![regexp $pattern $header prototype]} { stop "btree.h does not declare sqlite3Btree$name" }
  return [string map [list sqlite3Btree$name\( nativeBtree$name\(] $prototype]
}

if {$argc != 2} { stop "usage: tclsh patch_sqlite.tcl SQLITE_DIR OUTPUT_DIR" }
lassign $argv source output

set text [read_file $source/sqlite3.c]
foreach change $changes {
  lassign $change why needle replacement
  set text [replace_once $text $needle $replacement $why]
}

set header [string range $text {*}[file_range $text btree.h]]
lassign [file_range $text btree.c] first last
set btree [string range $text $first [expr {$last - 1}]]
set prototypes "/* SQLite's own B-tree, renamed by sql/patch_sqlite.tcl */\n"
foreach name $dispatched {
  append prototypes [native_prototype $header $name] \n
  if {[regsub -all "\\msqlite3Btree${name}\\M" $btree "nativeBtree$name" btree] == 0} {
    stop "btree.c does not define sqlite3Btree$name"
  }
}
set dispatch "#include \"sql/btree_dispatch.c\"\n"
set end_of_line [expr {[string first "\n" $text $last] + 1}]
set text [string range $text 0 [expr {$first - 1}]]$prototypes$btree[string range $text $last \
  [expr {$end_of_line - 1}]]$dispatch[string range $text $end_of_line end]
write_file $output/sqlite3.c $text

set shell [read_file $source/shell.c]
foreach change $shell_changes {
  lassign $change why needle replacement
  set shell [replace_once $shell $needle $replacement $why]
}
write_file $output/shell.c $shell
