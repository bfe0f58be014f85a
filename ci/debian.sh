# shellcheck shell=bash
# Packages of any suite of Debian, unpacked into a directory and not installed. Sourced by ci/interop and
# ci/sigstore/build, from the project's directory.
#
# They come from the mirror that apt is configured for, in a configuration of their own that trusts the
# certificates in kernels/keys alone. Sid's index may be past its date: what it names is still
# authenticated, only perhaps not the newest, and no more is asked of what only serves tests.

# What these functions depend on, for the digest of whoever calls them.
# shellcheck disable=SC2034
readonly DEBIAN_SOURCES=(ci/debian.sh kernels/keys/debian-13.asc)

# unpack_packages SUITE ROOT VERSIONS PACKAGE...
#
# Unpacks packages with all that they depend on, and writes a line `NAME-SUITE VERSION` for each that is
# named. What apt needs for it is in ROOT.apt meanwhile.
unpack_packages() {
    local suite=$1 root=$2 versions=$3 apt=$2.apt package deb
    shift 3
    apt_configuration "$suite" "$apt"
    private_apt "$apt" update --error-on=any
    # Nothing counts as installed, so that every library comes along.
    private_apt "$apt" install --download-only --yes --no-install-recommends "$@"
    mkdir -p "$root"/usr/{bin,lib,lib64}
    for package in bin lib lib64; do
        ln -s "usr/$package" "$root/$package"
    done
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory "$root" --keep-directory-symlink
    done
    for package in "$@"; do
        deb=$(echo "$apt/cache/archives/${package}"_*.deb)
        printf '%s %s\n' "$package-$suite" "$(dpkg-deb --field "$deb" Version)"
    done >"$versions"
    rm -rf "$apt"
}

# Makes a configuration of apt beside the machine's: its mirror, one suite, and no other certificates
# than the ones that are in this repository.
apt_configuration() {
    local suite=$1 apt=$2 mirror options="signed-by=$PWD/kernels/keys/debian-13.asc"
    mirror=$(machine_mirror)
    [ -n "$mirror" ] || die "apt is not configured for a mirror of Debian"
    [ "$suite" != sid ] || options+=" check-valid-until=no"
    mkdir -p "$apt"/{lists,cache,empty}
    : >"$apt/status"
    echo "deb [$options] $mirror $suite main" >"$apt/sources.list"
}

# The place that this machine's release comes from, not its security updates.
machine_mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' \
        'Origin: Debian' 'Component: main' | awk -v codename="$codename" '$2 == codename { print $1; exit }'
}

private_apt() {
    local apt=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get --quiet \
        -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/empty" \
        -o "Dir::Etc::Trusted=$apt/empty/none" -o "Dir::Etc::TrustedParts=$apt/empty" \
        -o "Dir::Etc::Preferences=$apt/empty/none" -o "Dir::Etc::PreferencesParts=$apt/empty" \
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/status" \
        -o "Dir::Cache=$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

# Asks for what the machine has no index of yet.
update_machine_index() {
    [ -n "$(machine_mirror)" ] || patiently apt-get -q update >&2
}

# Somebody else may be using apt at this moment, who is waited for.
patiently() {
    local left
    for left in 5 4 3 2 1 0; do
        "$@" && return
        ((left == 0)) || sleep 10
    done
    return 1
}

say() {
    printf '%12s %s\n' "$1" "$2" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# die_with LOG WHAT
die_with() {
    tail --lines=40 "$1" >&2
    die "$2"
}
