#include "sandbox/jailer_jail.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/file_system.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/jailer_cleanup.h"

namespace hpcc {

namespace {

constexpr char kMarker[] = "hpcc-jail";
constexpr char kNewMarker[] = "hpcc-jail.new";
constexpr std::string_view kFirstLine = "hpcc-jail 1\n";
constexpr std::string_view kUser = "user ";
constexpr size_t kMaxMarkerBytes = 256;
constexpr size_t kMaxPidBytes = 32;
constexpr size_t kIdBytes = 8;  // random ones; two characters each
// Who isn't root finds the way to what they know the name of, and no more.
constexpr mode_t kPassable = 0711;

std::string RandomName(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name = "hpcc-";
  for (const char byte : bytes) {
    name.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    name.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return name;
}

// Where all jails are, without a symlink in it: mounts are known by such paths. NotFound: no jail
// was ever made.
absl::StatusOr<std::string> JailsDirectory(const JailerSettings& settings) {
  return FileSystem::Real().RealPath(
      path::Join(settings.base, path::Basename(settings.firecracker)));
}

// A directory in which nobody but this process's user can put or rename anything.
absl::Status CheckOwnDirectory(const std::string& path) {
  struct stat stat;
  if (lstat(path.c_str(), &stat) != 0) return ErrnoStatus(errno, "look at", path);
  if (!S_ISDIR(stat.st_mode) || stat.st_uid != geteuid() || (stat.st_mode & 022) != 0) {
    return absl::FailedPreconditionError(
        StrCat(path, ": must be a directory of this user that nobody else can write to"));
  }
  return absl::OkStatus();
}

absl::Status MakePassable(const std::string& path) {
  if (mkdir(path.c_str(), kPassable) != 0) return ErrnoStatus(errno, "create", path);
  if (chmod(path.c_str(), kPassable) != 0) return ErrnoStatus(errno, "chmod", path);
  return absl::OkStatus();
}

std::string EncodeMarker(uint32_t user) {
  return StrCat(kFirstLine, kUser, user, "\n");
}

std::optional<uint32_t> DecodeMarker(std::string_view text) {
  if (!text.starts_with(kFirstLine) || !text.ends_with('\n')) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  if (!text.starts_with(kUser)) return std::nullopt;
  text.remove_prefix(kUser.size());
  text.remove_suffix(1);
  uint32_t user = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), user);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return user;
}

// The jail's user must be able to read what all sandboxes share, and must not be able to change it.
absl::Status CheckShared(const std::string& path, uint32_t user) {
  struct stat stat;
  if (::stat(path.c_str(), &stat) != 0) return ErrnoStatus(errno, "look at", path);
  if (!S_ISREG(stat.st_mode)) {
    return absl::FailedPreconditionError(StrCat(path, ": not a regular file"));
  }
  if (stat.st_uid == user) return absl::OkStatus();  // not root: there is nobody else to be
  if ((stat.st_mode & S_IROTH) == 0) {
    return absl::FailedPreconditionError(
        StrCat(path, ": a VMM's user can't read it; run: chmod o+r ", path));
  }
  if ((stat.st_mode & S_IWOTH) != 0) {
    return absl::FailedPreconditionError(
        StrCat(path, ": every user can write to it; run: chmod o-w ", path));
  }
  return absl::OkStatus();
}

absl::Status BindReadOnly(const std::string& source, const std::string& target) {
  const Descriptor file(open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file.valid()) return ErrnoStatus(errno, "create", target);
  constexpr unsigned long kFlags = MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      mount(nullptr, target.c_str(), nullptr, kFlags | MS_REMOUNT, nullptr) != 0) {
    return ErrnoStatus(errno, "mount", target);
  }
  return absl::OkStatus();
}

}  // namespace

std::string JailSocket::path() const {
  return StrCat("/proc/self/fd/", inode_.get());
}

absl::StatusOr<Connection> JailSocket::Connect(uint32_t user) const {
  HPCC_ASSIGN_OR_RETURN(Connection connection, Connection::ToUnixSocket(path()));
  HPCC_ASSIGN_OR_RETURN(const PeerCredentials peer, connection.Peer());
  if (peer.user != user) {
    return absl::PermissionDeniedError("jail: a socket in it is not of its user's making");
  }
  return connection;
}

absl::StatusOr<std::unique_ptr<Jail>> Jail::Make(const JailerSettings& settings, uint32_t user) {
  HPCC_RETURN_IF_ERROR(CheckJailerSettings(settings));
  HPCC_RETURN_IF_ERROR(
      MakeDirectories(FileSystem::Real(),
                      path::Join(settings.base, path::Basename(settings.firecracker)), kPassable));
  HPCC_RETURN_IF_ERROR(CheckOwnDirectory(settings.base));
  HPCC_ASSIGN_OR_RETURN(const std::string jails, JailsDirectory(settings));
  HPCC_RETURN_IF_ERROR(CheckOwnDirectory(jails));
  HPCC_ASSIGN_OR_RETURN(const std::string random, SecretBytes(kIdBytes));

  std::unique_ptr<Jail> jail(new Jail);
  const std::string id = RandomName(random);
  const std::string directory = path::Join(jails, id);
  HPCC_RETURN_IF_ERROR(MakePassable(directory));
  jail->directory_ = directory;
  jail->id_ = id;
  jail->user_ = user;
  jail->pid_file_ = StrCat(path::Basename(settings.firecracker), ".pid");
  HPCC_RETURN_IF_ERROR(jail->MakeMarker());
  if (mkdir(jail->root().c_str(), 0700) != 0) return ErrnoStatus(errno, "create", jail->root());
  HPCC_RETURN_IF_ERROR(jail->OpenRoot());
  return jail;
}

// It gets its name when it is whole and locked: nobody takes it for a crashed worker's.
absl::Status Jail::MakeMarker() {
  const std::string made = path::Join(directory_, kNewMarker);
  const std::string text = EncodeMarker(user_);
  marker_ = Descriptor(open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!marker_.valid() || flock(marker_.get(), LOCK_EX | LOCK_NB) != 0 ||
      write(marker_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "create", made);
  }
  return FileSystem::Real().Rename(made, path::Join(directory_, kMarker));
}

absl::StatusOr<std::unique_ptr<Jail>> Jail::Seize(const JailerSettings& settings,
                                                  const std::string& id) {
  std::unique_ptr<Jail> jail(new Jail);
  HPCC_ASSIGN_OR_RETURN(const std::string jails, JailsDirectory(settings));
  const std::string directory = path::Join(jails, id);
  const std::string marker = path::Join(directory, kMarker);
  const absl::Status not_ours = absl::NotFoundError(directory);
  if (!IsJailId(id) || !CheckOwnDirectory(directory).ok()) return not_ours;
  jail->marker_ = Descriptor(open(marker.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!jail->marker_.valid()) return not_ours;
  const absl::StatusOr<std::string> text = ReadDescriptor(jail->marker_, kMaxMarkerBytes);
  const std::optional<uint32_t> user = text.ok() ? DecodeMarker(*text) : std::nullopt;
  if (!user || flock(jail->marker_.get(), LOCK_EX | LOCK_NB) != 0) return not_ours;
  jail->user_ = *user;
  jail->id_ = id;
  jail->pid_file_ = StrCat(path::Basename(settings.firecracker), ".pid");
  jail->directory_ = directory;
  if (FileExists(FileSystem::Real(), jail->root())) HPCC_RETURN_IF_ERROR(jail->OpenRoot());
  return jail;
}

std::string Jail::root() const {
  return path::Join(directory_, "root");
}

absl::Status Jail::OpenRoot() {
  root_ = Descriptor(open(root().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return root_.valid() ? absl::OkStatus() : ErrnoStatus(errno, "open", root());
}

Jail::~Jail() {
  if (directory_.empty()) return;
  const absl::Status removed = Remove();
  if (!removed.ok()) Log(LogLevel::kWarning, StrCat("jail: ", std::string(removed.message())));
}

absl::Status Jail::Provide(const std::string& source, std::string_view name) {
  HPCC_RETURN_IF_ERROR(CheckShared(source, user_));
  const std::string link(name);
  if (linkat(AT_FDCWD, source.c_str(), root_.get(), link.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return absl::OkStatus();
  }
  if (errno != EXDEV && errno != EPERM && errno != EMLINK) {
    return ErrnoStatus(errno, "link", source);
  }
  return BindReadOnly(source, path::Join(root(), name));
}

absl::Status Jail::Adopt(Jail& other, std::string_view name) {
  const std::string file(name);
  if (renameat(other.root_.get(), file.c_str(), root_.get(), file.c_str()) != 0) {
    return ErrnoStatus(errno, "move", file);
  }
  return absl::OkStatus();
}

// Looked at where nobody but this process can exchange it.
absl::Status Jail::Seal(Jail& other, std::string_view name) {
  HPCC_RETURN_IF_ERROR(Adopt(other, name));
  const std::string path(name);
  const Descriptor file(
      openat(root_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat stat;
  if (!file.valid() || fstat(file.get(), &stat) != 0) return ErrnoStatus(errno, "open", path);
  if (!S_ISREG(stat.st_mode) || stat.st_nlink != 1 || stat.st_uid != other.user_) {
    return absl::FailedPreconditionError(
        StrCat("jail: its ", path, " is not a file of its user's making"));
  }
  if (fchown(file.get(), geteuid(), getegid()) != 0 || fchmod(file.get(), 0444) != 0) {
    return ErrnoStatus(errno, "seal", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<JailSocket> Jail::Socket(std::string_view name) const {
  const std::string file(name);
  Descriptor inode(openat(root_.get(), file.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!inode.valid()) return ErrnoStatus(errno, "open", StrCat("the jail's ", file));
  struct stat stat;
  if (fstat(inode.get(), &stat) != 0 || !S_ISSOCK(stat.st_mode)) {
    return absl::FailedPreconditionError(StrCat("jail: its ", file, " is no socket"));
  }
  return JailSocket(std::move(inode));
}

std::vector<pid_t> Jail::Processes() const {
  if (!root_.valid()) return {};
  std::vector<pid_t> processes = ProcessesRootedAt(root_.get());
  const absl::StatusOr<JailSocket> api = Socket(kJailApiSocket);
  if (api.ok()) {
    const absl::StatusOr<Connection> connection = api->Connect(user_);
    const absl::StatusOr<PeerCredentials> peer =
        connection.ok() ? connection->Peer() : connection.status();
    if (peer.ok()) processes.push_back(static_cast<pid_t>(peer->process));
  }
  const Descriptor file(
      openat(root_.get(), pid_file_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return processes;
  const absl::StatusOr<std::string> text = ReadDescriptor(file, kMaxPidBytes);
  pid_t process = 0;
  if (text.ok() &&
      std::from_chars(text->data(), text->data() + text->size(), process).ec == std::errc() &&
      process > 1 && process != getpid()) {
    processes.push_back(process);
  }
  return processes;
}

absl::Status Jail::KillAll() const {
  for (const pid_t process : Processes()) {
    HPCC_RETURN_IF_ERROR(KillProcessOf(process, user_));
  }
  return absl::OkStatus();
}

absl::Status Jail::Remove() {
  HPCC_RETURN_IF_ERROR(KillAll());
  HPCC_RETURN_IF_ERROR(UnmountBelow(directory_));
  std::error_code error;
  // The marker goes last: what can't be removed now is found by the next worker.
  std::filesystem::remove_all(root(), error);
  if (!error) std::filesystem::remove_all(directory_, error);
  if (error) return absl::InternalError(StrCat(directory_, ": ", error.message()));
  RemoveJailCgroups(id_);
  directory_.clear();
  return absl::OkStatus();
}

absl::StatusOr<size_t> RemoveLeftJails(const JailerSettings& settings) {
  HPCC_RETURN_IF_ERROR(CheckJailerSettings(settings));
  const absl::StatusOr<std::string> jails = JailsDirectory(settings);
  if (absl::IsNotFound(jails.status())) return 0;
  HPCC_RETURN_IF_ERROR(jails.status());
  HPCC_RETURN_IF_ERROR(CheckOwnDirectory(*jails));
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> ids, FileSystem::Real().List(*jails));
  size_t removed = 0;
  absl::Status first;
  for (const std::string& id : ids) {
    const absl::StatusOr<std::unique_ptr<Jail>> jail = Jail::Seize(settings, id);
    if (!jail.ok()) continue;
    const absl::Status status = (*jail)->Remove();
    first.Update(status);
    if (status.ok()) ++removed;
  }
  if (!first.ok()) return first;
  return removed;
}

}  // namespace hpcc
