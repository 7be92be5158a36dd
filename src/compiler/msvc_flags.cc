#include <algorithm>
#include <array>

#include "compiler/flag_table.h"

// Flags of cl and clang-cl, written with "/"; a "-" in its place means the same. What clang-cl
// takes of clang's own flags is looked up in gnu_flags.cc.

namespace hpcc {
namespace {

using A = FlagAction;
using E = FlagEffect;
using F = ValueForm;
using R = NotCacheableReason;

constexpr FlagRow Refuse(std::string_view name, F form, R reason) {
  return {name, form, E::kUnknown, A::kRefuse, {}, reason};
}

constexpr FlagRow kRows[] = {
    // What to do.
    {"/c", F::kNone, E::kMode, A::kCompile},
    {"/o", F::kJoinedOrSeparate, E::kOutput, A::kOutput},
    {"/Fo", F::kJoined, E::kOutput, A::kMsvcOutput},
    {"/TC", F::kNone, E::kLanguage, A::kAllC},
    {"/TP", F::kNone, E::kLanguage, A::kAllCxx},
    {"/Tc", F::kJoinedOrSeparate, E::kLanguage, A::kSourceC},
    {"/Tp", F::kJoinedOrSeparate, E::kLanguage, A::kSourceCxx},
    {"/clang:", F::kJoined, E::kUnknown, A::kGnuFlag},
    {"/link", F::kNone, E::kLinkOnly, A::kLink},
    {"/showIncludes", F::kNone, E::kWarning, A::kShowIncludes},
    {"/showIncludes:user", F::kNone, E::kWarning, A::kShowIncludes},
    Refuse("/E", F::kNone, R::kPreprocessesOnly),
    Refuse("/EP", F::kNone, R::kPreprocessesOnly),
    Refuse("/P", F::kNone, R::kPreprocessesOnly),
    Refuse("/Zs", F::kNone, R::kNotACompile),
    Refuse("/?", F::kNone, R::kNotACompile),
    Refuse("/help", F::kNone, R::kNotACompile),

    // Where headers come from.
    {"/I", F::kJoinedOrSeparate, E::kSearchPath, A::kSearchBracket},
    {"/imsvc", F::kJoinedOrSeparate, E::kSearchPath, A::kSearchSystem},
    {"/external:I", F::kJoinedOrSeparate, E::kSearchPath, A::kSearchSystem},
    {"/FI", F::kJoinedOrSeparate, E::kForcedInclude, A::kInclude},
    {"/X", F::kNone, E::kSearchRoot, A::kNoStandardIncludes},
    {"/winsysroot", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/winsdkdir", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/winsdkversion", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/vctoolsdir", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/vctoolsversion", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/diasdkdir", F::kJoinedOrSeparate, E::kSearchRoot},
    {"/external:", F::kJoined, E::kWarning},
    Refuse("/external:env:", F::kJoined, R::kUnsupportedFlag),
    Refuse("/vfsoverlay", F::kJoinedOrSeparate, R::kUnsupportedFlag),

    // Macros.
    {"/D", F::kJoinedOrSeparate, E::kDefine},
    {"/U", F::kJoinedOrSeparate, E::kDefine},
    {"/u", F::kNone, E::kDefine},

    // Debug information and paths.
    {"/Z7", F::kNone, E::kDebug, A::kDebugMsvc},
    {"/Zi", F::kNone, E::kDebug, A::kDebugMsvc},
    {"/ZI", F::kNone, E::kDebug, A::kDebugMsvc},
    {"/Zd", F::kNone, E::kDebug, A::kDebugMsvc},
    {"/Fd", F::kJoined, E::kDebug},
    {"/FC", F::kNone, E::kPathsInOutput},
    {"/FS", F::kNone, E::kWarning},
    {"/d1", F::kJoined, E::kPathsInOutput},
    {"/d2", F::kJoined, E::kPathsInOutput},
    {"/PathMap:", F::kJoined, E::kPathsInOutput},
    {"/pathmap:", F::kJoined, E::kPathsInOutput},
    {"/PDBSourcePath:", F::kJoined, E::kPathsInOutput},

    // Files that are written and not kept, or read in ways that can't be keyed.
    Refuse("/FA", F::kJoined, R::kExtraOutput),
    Refuse("/Fa", F::kJoined, R::kExtraOutput),
    Refuse("/FR", F::kJoined, R::kExtraOutput),
    Refuse("/Fr", F::kJoined, R::kExtraOutput),
    Refuse("/doc", F::kJoined, R::kExtraOutput),
    Refuse("/sourceDependencies", F::kJoinedOrSeparate, R::kExtraOutput),
    Refuse("/scanDependencies", F::kJoinedOrSeparate, R::kDependenciesOnly),
    Refuse("/analyze", F::kJoined, R::kUnsupportedFlag),
    {"/analyze-", F::kNone, E::kWarning},
    Refuse("/Yc", F::kJoined, R::kHeaderOutput),
    Refuse("/Yu", F::kJoined, R::kUnsupportedFlag),
    Refuse("/Fp", F::kJoined, R::kUnsupportedFlag),
    Refuse("/FU", F::kJoinedOrSeparate, R::kUnsupportedFlag),
    Refuse("/AI", F::kJoinedOrSeparate, R::kUnsupportedFlag),
    Refuse("/clr", F::kJoined, R::kUnsupportedFlag),
    Refuse("/GL", F::kNone, R::kUnsupportedFlag),
    Refuse("/Bv", F::kNone, R::kUnsupportedFlag),
    Refuse("/Bt", F::kJoined, R::kUnsupportedFlag),
    Refuse("/interface", F::kNone, R::kModules),
    Refuse("/internalPartition", F::kNone, R::kModules),
    Refuse("/ifcOutput", F::kJoinedOrSeparate, R::kModules),
    Refuse("/ifcSearchDir", F::kJoinedOrSeparate, R::kModules),
    Refuse("/reference", F::kJoinedOrSeparate, R::kModules),
    Refuse("/headerUnit", F::kJoined, R::kModules),
    Refuse("/exportHeader", F::kNone, R::kModules),
    Refuse("/experimental:module", F::kNone, R::kModules),

    // Diagnostics.
    {"/W", F::kJoined, E::kWarning},
    {"/w", F::kNone, E::kWarning},
    {"/wd", F::kJoined, E::kWarning},
    {"/we", F::kJoined, E::kWarning},
    {"/diagnostics:", F::kJoined, E::kWarning},
    {"/nologo", F::kNone, E::kWarning},
    {"/showFilenames", F::kNone, E::kWarning},
    {"/showFilenames-", F::kNone, E::kWarning},
    {"/errorReport:", F::kJoined, E::kWarning},
    {"/errorReport", F::kNone, E::kWarning},
    {"/sdl", F::kNone, E::kWarning},
    {"/sdl-", F::kNone, E::kWarning},
    {"/MP", F::kJoined, E::kWarning},

    // Code.
    {"/O", F::kJoined, E::kCodegen},
    {"/G", F::kJoined, E::kCodegen},
    {"/Q", F::kJoined, E::kCodegen},
    {"/EH", F::kJoined, E::kCodegen},
    {"/Z", F::kJoined, E::kCodegen},
    {"/std:", F::kJoined, E::kCodegen},
    {"/arch:", F::kJoined, E::kCodegen},
    {"/favor:", F::kJoined, E::kCodegen},
    {"/fp:", F::kJoined, E::kCodegen},
    {"/fsanitize=", F::kJoined, E::kCodegen},
    {"/RTC", F::kJoined, E::kCodegen},
    {"/J", F::kNone, E::kCodegen},
    {"/LD", F::kNone, E::kCodegen},
    {"/LDd", F::kNone, E::kCodegen},
    {"/MD", F::kNone, E::kCodegen},
    {"/MDd", F::kNone, E::kCodegen},
    {"/MT", F::kNone, E::kCodegen},
    {"/MTd", F::kNone, E::kCodegen},
    {"/bigobj", F::kNone, E::kCodegen},
    {"/Brepro", F::kNone, E::kCodegen},
    {"/Brepro-", F::kNone, E::kCodegen},
    {"/utf-8", F::kNone, E::kCodegen},
    {"/source-charset:", F::kJoined, E::kCodegen},
    {"/execution-charset:", F::kJoined, E::kCodegen},
    {"/validate-charset", F::kJoined, E::kCodegen},
    {"/permissive", F::kNone, E::kCodegen},
    {"/permissive-", F::kNone, E::kCodegen},
    {"/volatile:", F::kJoined, E::kCodegen},
    {"/guard:", F::kJoined, E::kCodegen},
    {"/vd0", F::kNone, E::kCodegen},
    {"/vd1", F::kNone, E::kCodegen},
    {"/vd2", F::kNone, E::kCodegen},
    {"/vmb", F::kNone, E::kCodegen},
    {"/vmg", F::kNone, E::kCodegen},
    {"/vmm", F::kNone, E::kCodegen},
    {"/vms", F::kNone, E::kCodegen},
    {"/vmv", F::kNone, E::kCodegen},
    {"/openmp", F::kNone, E::kCodegen},
    {"/openmp-", F::kNone, E::kCodegen},
    {"/openmp:", F::kJoined, E::kCodegen},
    {"/await", F::kNone, E::kCodegen},
    {"/await:", F::kJoined, E::kCodegen},
    {"/constexpr:", F::kJoined, E::kCodegen},
    {"/cgthreads", F::kJoined, E::kCodegen},
    {"/homeparams", F::kNone, E::kCodegen},
    {"/hotpatch", F::kNone, E::kCodegen},
    {"/kernel", F::kNone, E::kCodegen},
    {"/kernel-", F::kNone, E::kCodegen},
    {"/Y-", F::kNone, E::kCodegen},

    // Only for linking, or for /P.
    {"/Fe", F::kJoined, E::kLinkOnly},
    {"/Fi", F::kJoined, E::kLinkOnly},
    {"/Fm", F::kJoined, E::kLinkOnly},
};

constexpr std::array<FlagRow, std::size(kRows)> SortedRows() {
  std::array<FlagRow, std::size(kRows)> rows{};
  std::copy(std::begin(kRows), std::end(kRows), rows.begin());
  std::sort(rows.begin(), rows.end(),
            [](const FlagRow& a, const FlagRow& b) { return a.name < b.name; });
  return rows;
}

constexpr std::array<FlagRow, std::size(kRows)> kSortedRows = SortedRows();

}  // namespace

FlagTable MsvcFlags() {
  return FlagTable(kSortedRows);
}

}  // namespace hpcc
