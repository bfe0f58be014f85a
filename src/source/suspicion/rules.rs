//! What is looked for in the lines of a source: one table.

use super::SettledBy;
use crate::variation::Axis;

/// One thing that is looked for.
#[derive(Debug)]
pub struct SuspicionRule {
    pub id: &'static str,
    /// What it takes in, after "it takes in".
    pub takes: &'static str,
    pub settled_by: SettledBy,
    /// Where it is looked for.
    pub(super) place: Place,
    /// Any of these.
    pub(super) words: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Files that a compiler reads.
    Code,
    /// Files that make or a shell reads.
    Script,
}

/// Every rule.
pub static SUSPICIONS: [SuspicionRule; 29] = [
    SuspicionRule {
        id: "clock-in-code",
        takes: "the time of the build, by the compiler",
        settled_by: SettledBy::Axis(Axis::Clock),
        place: Place::Code,
        words: &["__DATE__", "__TIME__", "__TIMESTAMP__"],
    },
    SuspicionRule {
        id: "clock-in-script",
        takes: "the time of the build",
        settled_by: SettledBy::Axis(Axis::Clock),
        place: Place::Script,
        words: &["date", "EPOCHSECONDS"],
    },
    SuspicionRule {
        id: "host-name",
        takes: "the name of the host",
        settled_by: SettledBy::Axis(Axis::HostName),
        place: Place::Script,
        words: &["hostname", "domainname", "uname -n", "uname -a", "HOSTNAME"],
    },
    SuspicionRule {
        id: "user",
        takes: "who builds",
        settled_by: SettledBy::Axis(Axis::User),
        place: Place::Script,
        words: &["whoami", "id -u", "id -un", "$USER", "$(USER)", "LOGNAME"],
    },
    SuspicionRule {
        id: "home",
        takes: "the home directory",
        settled_by: SettledBy::Axis(Axis::Home),
        place: Place::Script,
        words: &["$HOME", "$(HOME)", "${HOME}"],
    },
    SuspicionRule {
        id: "kernel-of-the-machine",
        takes: "the kernel that the machine runs",
        settled_by: SettledBy::Axis(Axis::Kernel),
        place: Place::Script,
        words: &["uname -r", "uname -v"],
    },
    SuspicionRule {
        id: "file-order",
        takes: "the order in which directories list their files",
        settled_by: SettledBy::Axis(Axis::FileOrder),
        place: Place::Script,
        words: &["wildcard", "$(shell find", "$(shell ls", "os.listdir"],
    },
    SuspicionRule {
        id: "build-path",
        takes: "where it is built",
        settled_by: SettledBy::Axis(Axis::BuildPath),
        place: Place::Script,
        words: &["$(shell pwd)", "$(CURDIR)", "$(PWD)", "$PWD", "realpath"],
    },
    SuspicionRule {
        id: "random",
        takes: "random bytes",
        settled_by: SettledBy::Rebuild,
        place: Place::Script,
        words: &[
            "/dev/urandom",
            "/dev/random",
            "$RANDOM",
            "$$RANDOM",
            "uuidgen",
            "random/uuid",
            "openssl rand",
            "mktemp",
        ],
    },
    SuspicionRule {
        id: "repository",
        takes: "the state of a repository",
        settled_by: SettledBy::Isolation,
        place: Place::Script,
        words: &[
            "git describe",
            "git rev-parse",
            "git log",
            "git status",
            "git diff",
            "setlocalversion",
        ],
    },
    SuspicionRule {
        id: "network",
        takes: "something of the network",
        settled_by: SettledBy::Isolation,
        place: Place::Script,
        words: &[
            "curl",
            "wget",
            "git clone",
            "git fetch",
            "git pull",
            "pip install",
        ],
    },
    SuspicionRule {
        id: "time-zone",
        takes: "the time zone",
        settled_by: SettledBy::Axis(Axis::TimeZone),
        place: Place::Script,
        words: &[
            "%z",
            "%Z",
            "$TZ",
            "$(TZ)",
            "/etc/localtime",
            "/etc/timezone",
        ],
    },
    SuspicionRule {
        id: "locale",
        takes: "the locale",
        settled_by: SettledBy::Axis(Axis::Locale),
        place: Place::Script,
        words: &[
            "locale",
            "$LANG",
            "$(LANG)",
            "${LANG}",
            "$(LC_ALL)",
            "$LC_ALL",
        ],
    },
    SuspicionRule {
        id: "environment",
        takes: "a variable that a build server sets",
        settled_by: SettledBy::Axis(Axis::Environment),
        place: Place::Script,
        words: &[
            "BUILD_NUMBER",
            "BUILD_ID",
            "BUILD_TAG",
            "BUILD_URL",
            "JOB_NAME",
            "CDPATH",
            "printenv",
            "getenv",
            "os.environ",
            "$ENV{",
        ],
    },
    SuspicionRule {
        id: "umask",
        takes: "the umask",
        settled_by: SettledBy::Axis(Axis::Umask),
        place: Place::Script,
        words: &["umask", "stat -c", "stat --format"],
    },
    SuspicionRule {
        id: "cpus",
        takes: "the number of processors",
        settled_by: SettledBy::Axis(Axis::Cpus),
        place: Place::Script,
        words: &[
            "nproc",
            "_NPROCESSORS_ONLN",
            "/proc/cpuinfo",
            "lscpu",
            "cpu_count",
        ],
    },
    SuspicionRule {
        id: "path-order",
        takes: "where `PATH` finds a program",
        settled_by: SettledBy::Axis(Axis::PathOrder),
        place: Place::Script,
        words: &[
            "command -v",
            "type -p",
            "$(shell which",
            "$(which",
            "$PATH",
            "$(PATH)",
            "${PATH}",
        ],
    },
    SuspicionRule {
        id: "terminal",
        takes: "whether there is a terminal",
        settled_by: SettledBy::Axis(Axis::Terminal),
        place: Place::Script,
        words: &[
            "tty", "tput", "isatty", "-t 0", "-t 1", "-t 2", "$TERM", "$(TERM)",
        ],
    },
    SuspicionRule {
        id: "memory",
        takes: "the limits of memory",
        settled_by: SettledBy::Axis(Axis::Memory),
        place: Place::Script,
        words: &["ulimit", "/proc/meminfo", "/proc/self/maps"],
    },
    SuspicionRule {
        id: "file-macro",
        takes: "the path of a source",
        settled_by: SettledBy::Agreement,
        place: Place::Code,
        words: &["__FILE__", "__BASE_FILE__"],
    },
    SuspicionRule {
        id: "archive",
        takes: "the times and modes of files, by packing them",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        // A file may be called `x.tar`.
        words: &["tar ", "cpio", "gzip", "zip", "$(AR)", "mksquashfs"],
    },
    SuspicionRule {
        id: "own-directory",
        takes: "a directory of the build",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &[
            "$(src)",
            "$(obj)",
            "abspath",
            "pwd",
            "$(M)",
            "$(KBUILD_EXTMOD)",
        ],
    },
    SuspicionRule {
        id: "kernel-directory",
        takes: "the directory of the kernel",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &[
            "$(srctree)",
            "$(objtree)",
            "$(CURDIR)",
            "$(KDIR)",
            "$(KERNELDIR)",
            "$(KERNEL_SRC)",
        ],
    },
    SuspicionRule {
        id: "listing",
        takes: "the order in which directories list their files",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &["find", "ls -U", "ls -f", "os.walk", "glob", "readdir"],
    },
    SuspicionRule {
        id: "sorting",
        takes: "an order that the locale decides",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &["sort", "ls", "uniq", "comm"],
    },
    SuspicionRule {
        id: "own-tool",
        takes: "what a tool of the source writes",
        settled_by: SettledBy::Agreement,
        place: Place::Code,
        words: &["fwrite", "qsort", "malloc"],
    },
    SuspicionRule {
        id: "appending",
        takes: "the order in which commands end",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &[">>"],
    },
    SuspicionRule {
        id: "build-id",
        takes: "a build id",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &["--build-id"],
    },
    SuspicionRule {
        id: "options",
        takes: "options of the compiler and the linker",
        settled_by: SettledBy::Agreement,
        place: Place::Script,
        words: &[
            "ccflags-y",
            "subdir-ccflags-y",
            "asflags-y",
            "ldflags-y",
            "EXTRA_CFLAGS",
            "EXTRA_LDFLAGS",
            "KCFLAGS",
            "KBUILD_CFLAGS",
            "LDFLAGS_MODULE",
            "CFLAGS_",
            "CFLAGS",
        ],
    },
];
