#include "telemetry/faulty_vfs.h"

#include <sqlite3.h>

#include <new>

namespace hpcc {

namespace {

// The orders, and how many calls were counted since they were given.
struct Orders {
  FaultyVfs::Fault fault = FaultyVfs::Fault::kNone;
  int n = 0;
  int calls = 0;
};
Orders orders;

// What the next call shall fail with; SQLITE_OK: it is done. `torn`: half of it.
int Count(bool needs_space, bool* torn = nullptr) {
  ++orders.calls;
  using Fault = FaultyVfs::Fault;
  const bool now = orders.calls == orders.n;
  const bool from_now_on = orders.calls >= orders.n;
  switch (orders.fault) {
    case Fault::kNone:
      return SQLITE_OK;
    case Fault::kIoError:
      return now ? SQLITE_IOERR : SQLITE_OK;
    case Fault::kFull:
      return from_now_on && needs_space ? SQLITE_FULL : SQLITE_OK;
    case Fault::kDead:
      return from_now_on ? SQLITE_IOERR : SQLITE_OK;
    case Fault::kTorn:
      if (now && torn != nullptr) *torn = true;
      return from_now_on ? SQLITE_IOERR : SQLITE_OK;
  }
  return SQLITE_OK;
}

sqlite3_vfs* real = nullptr;
sqlite3_vfs faulty;
sqlite3_io_methods methods;

// A file of ours, with the machine's behind it in the same memory.
struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Inner(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file)->inner();
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  bool torn = false;
  const int failed = Count(/*needs_space=*/true, &torn);
  if (torn) Inner(file)->pMethods->xWrite(Inner(file), data, size / 2, offset);
  if (failed != SQLITE_OK) return failed;
  return Inner(file)->pMethods->xWrite(Inner(file), data, size, offset);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int failed = Count(/*needs_space=*/false);
  return failed != SQLITE_OK ? failed : Inner(file)->pMethods->xTruncate(Inner(file), size);
}

int Sync(sqlite3_file* file, int flags) {
  const int failed = Count(/*needs_space=*/false);
  return failed != SQLITE_OK ? failed : Inner(file)->pMethods->xSync(Inner(file), flags);
}

int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
  const int failed = Count(/*needs_space=*/false);
  return failed != SQLITE_OK ? failed : real->xDelete(real, name, sync_directory);
}

// What only passes calls on.
int Close(sqlite3_file* f) {
  return Inner(f)->pMethods->xClose(Inner(f));
}
int Read(sqlite3_file* f, void* data, int size, sqlite3_int64 offset) {
  return Inner(f)->pMethods->xRead(Inner(f), data, size, offset);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  return Inner(f)->pMethods->xFileSize(Inner(f), size);
}
int Lock(sqlite3_file* f, int level) {
  return Inner(f)->pMethods->xLock(Inner(f), level);
}
int Unlock(sqlite3_file* f, int level) {
  return Inner(f)->pMethods->xUnlock(Inner(f), level);
}
int CheckLock(sqlite3_file* f, int* out) {
  return Inner(f)->pMethods->xCheckReservedLock(Inner(f), out);
}
int Control(sqlite3_file* f, int op, void* arg) {
  return Inner(f)->pMethods->xFileControl(Inner(f), op, arg);
}
int SectorSize(sqlite3_file* f) {
  return Inner(f)->pMethods->xSectorSize(Inner(f));
}
int Characteristics(sqlite3_file* f) {
  return Inner(f)->pMethods->xDeviceCharacteristics(Inner(f));
}
int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return Inner(f)->pMethods->xShmMap(Inner(f), page, size, extend, out);
}
int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
  return Inner(f)->pMethods->xShmLock(Inner(f), offset, n, flags);
}
void ShmBarrier(sqlite3_file* f) {
  Inner(f)->pMethods->xShmBarrier(Inner(f));
}
int ShmUnmap(sqlite3_file* f, int remove) {
  return Inner(f)->pMethods->xShmUnmap(Inner(f), remove);
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* own = new (file) FaultyFile();
  const int result = real->xOpen(real, name, own->inner(), flags, out_flags);
  own->base.pMethods = own->inner()->pMethods == nullptr ? nullptr : &methods;
  return result;
}

}  // namespace

FaultyVfs::FaultyVfs() {
  real = sqlite3_vfs_find(nullptr);
  methods = {.iVersion = 2,
             .xClose = Close,
             .xRead = Read,
             .xWrite = Write,
             .xTruncate = Truncate,
             .xSync = Sync,
             .xFileSize = FileSize,
             .xLock = Lock,
             .xUnlock = Unlock,
             .xCheckReservedLock = CheckLock,
             .xFileControl = Control,
             .xSectorSize = SectorSize,
             .xDeviceCharacteristics = Characteristics,
             .xShmMap = ShmMap,
             .xShmLock = ShmLock,
             .xShmBarrier = ShmBarrier,
             .xShmUnmap = ShmUnmap};
  faulty = *real;
  faulty.zName = name();
  faulty.szOsFile = static_cast<int>(sizeof(FaultyFile)) + real->szOsFile;
  faulty.xOpen = Open;
  faulty.xDelete = Delete;
  orders = Orders();
  sqlite3_vfs_register(&faulty, /*makeDflt=*/0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&faulty);
}

const char* FaultyVfs::name() {
  return "hpcc-faulty";
}

void FaultyVfs::Give(Fault fault, int n) {
  orders = {fault, n, 0};
}

int FaultyVfs::calls() const {
  return orders.calls;
}

}  // namespace hpcc
