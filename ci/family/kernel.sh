# shellcheck shell=bash disable=SC2154,SC2034,SC2016  # variables of ci/families, and apt's own
# The kernel of `ci/families`: which one, from where, and its one build. Sourced by it.
#
# Sets `kernel` (release), `source_package` and `source_version`.

# `make pacman-pkg` came with this version.
readonly OLDEST_SOURCE=6.11

# Prints every kernel source that the suites of this machine's Debian release list, newest first, as
# "PACKAGE VERSION": the packages of a release can be built with the compiler of that release.
listed_sources() {
    local apt=$1 list
    apt_configuration "$apt"
    private_apt "$apt" update --error-on=any >"$apt/log" 2>&1 || {
        cat "$apt/log" >&2
        return 1
    }
    while read -r list; do
        /usr/lib/apt/apt-helper cat-file "$list"
    done < <(private_apt "$apt" indextargets --format '$(FILENAME)' 'Created-By: Sources') |
        awk '$1 == "Package:" { package = $2 } $1 == "Version:" { print package, $2 }' |
        grep --extended-regexp '^linux(-[0-9.]+)? ' |
        while read -r package version; do
            ! dpkg --compare-versions "$version" ge "$OLDEST_SOURCE" || echo "$package $version"
        done | sort --unique --version-sort --key=2,2 --reverse
}

# Makes a configuration of apt beside the machine's: the same mirrors, the suites with kernel sources,
# and no other certificates than the ones that are in this repository.
apt_configuration() {
    local apt=$1 certificates codename="" version="" targets
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    version=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_ID:-}") ||
        die "this is not Debian, so its apt serves no kernel sources that are known here"
    certificates=$PWD/kernels/keys/debian-$version.asc
    [ -e "$certificates" ] || die "no certificates for Debian $version are in kernels/keys"
    mkdir -p "$apt"/{lists,cache,empty}
    : >"$apt/status"

    targets=$(machine_mirrors)
    if [ -z "$targets" ]; then
        apt-get -q update >&2
        targets=$(machine_mirrors)
    fi
    while read -r root suite; do
        case "$suite" in
            "$codename") printf '%s %s\n' "$root" "$suite" "$root" "$suite-backports" ;;
            "$codename-security") printf '%s %s\n' "$root" "$suite" ;;
        esac
    done <<<"$targets" | sort --unique |
        sed "s#.*#deb-src [signed-by=$certificates] & main#" >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || die "apt is not configured for a mirror of Debian $codename"
}

machine_mirrors() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' \
        'Origin: Debian' 'Component: main'
}

private_apt() {
    local apt=$1
    shift
    apt-get --quiet -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/empty" \
        -o "Dir::Etc::Trusted=$apt/empty/none" -o "Dir::Etc::TrustedParts=$apt/empty" \
        -o "Dir::Etc::Preferences=$apt/empty/none" -o "Dir::Etc::PreferencesParts=$apt/empty" \
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/status" \
        -o "Dir::Cache=$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# Finds the newest source of the list that the archive has. One that is listed but gone is said and
# passed over; any other trouble is an error.
find_source() {
    local apt=$1 into=$2 package version
    while read -r package version; do
        if get_source "$apt" "$into" "$package=$version" --dsc-only; then
            source_package=$package source_version=$version
            return
        fi
        grep --quiet '404 *Not Found' "$apt/log" ||
            die_with "$apt/log" "cannot fetch the description of $package $version"
        say Skipping "$package $version: listed by the archive, but not there"
    done
    die "the archive has no kernel source of $OLDEST_SOURCE or later for this Debian release"
}

fetch_source() {
    get_source "$1" "$2" "$source_package=$source_version" ||
        die_with "$1/log" "cannot fetch the source of $source_package $source_version"
    say Fetched "$source_package $source_version"
}

# Checked by apt against the index, which is checked against the certificates.
get_source() {
    local apt=$1 into=$2
    mkdir -p "$into"
    (cd "$into" && private_apt "$apt" source --download-only "${@:3}") >"$apt/log" 2>&1
}

# Unpacks the archive's own tarball, and configures it in $objects.
configure_kernel() {
    local tarball wanted lost=()
    tarball=$(echo "$work"/fetched/*.orig.tar.xz)
    upstream_version=${source_version%-*}
    tree=$work/source/linux-$upstream_version objects=$work/objects
    say Unpacking "linux $upstream_version"
    install -d -o "$builder" "$objects" "$work/home" "$work/source" "$tree"
    xz --decompress --threads=0 --stdout "$tarball" | tee "$work/linux.tar" |
        as_builder tar --extract --directory "$tree" --strip-components=1
    # The day of the release, in place of today.
    SOURCE_DATE_EPOCH=$(stat --format %Y "$tree/Makefile")
    export SOURCE_DATE_EPOCH

    kernel_make --silent KCONFIG_ALLCONFIG="$PWD/ci/family/kernel.config" allnoconfig
    while read -r wanted; do
        grep --quiet --line-regexp --fixed-strings "$wanted" "$objects/.config" || lost+=("$wanted")
    done < <(grep '^CONFIG_' ci/family/kernel.config)
    ((${#lost[@]} == 0)) || die "linux $upstream_version does not take ${lost[*]}"
    kernel=$(kernel_make --silent kernelrelease)
}

# Runs upstream's make as a person would, but for stamps that would differ from day to day.
kernel_make() {
    as_builder make -C "$tree" O="$objects" KBUILD_BUILD_USER=kmatrix KBUILD_BUILD_HOST=families \
        KBUILD_BUILD_TIMESTAMP="$(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH")" "$@"
}
