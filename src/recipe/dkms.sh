# Builds what a dkms.conf describes, inside the build container. A dkms.conf is a bash script; so is
# this. What the directives mean: dkms(8), "DKMS.CONF", of DKMS 3.
#   $1 source  $2 the DKMS tree  $3 the kernel's build directory  $4 kernel release
#   $5 machine, as uname -m says it   $6 `--reverse` if files are made from the last to the first
#   $7 an option of tar about the times of files
# File descriptor 3 takes one line: where the modules are, or with a non-zero exit what failed.

# --- What a dkms.conf may use -----------------------------------------------------------------------

order=$6 past=$7
source=$1
dkms_tree=$2 kernel_source_dir=$3 kernelver=$4 arch=$5
source_tree=$dkms_tree/.source
install_tree=/lib/modules
tmp_location=/tmp
kernel_config=$kernel_source_dir/.config
parallel_jobs=$(nproc)
verbose=
directives=(PACKAGE_NAME PACKAGE_VERSION MAKE MAKE_MATCH CLEAN PRE_BUILD POST_BUILD PATCH PATCH_MATCH
    BUILT_MODULE_NAME BUILT_MODULE_LOCATION DEST_MODULE_NAME DEST_MODULE_LOCATION STRIP OBSOLETE_BY
    BUILD_DEPENDS BUILD_EXCLUSIVE_KERNEL BUILD_EXCLUSIVE_KERNEL_MIN BUILD_EXCLUSIVE_KERNEL_MAX
    BUILD_EXCLUSIVE_ARCH BUILD_EXCLUSIVE_CONFIG)

# What this script decides, it decides alike in every locale; what the module brings runs in the one
# that the attempt has.
locale=$LC_ALL
LC_ALL=C

# --- What is said ------------------------------------------------------------------------------------

say() {
    local line=${*//[[:cntrl:]]/ }
    printf '%s\n' "${line:0:400}" >&3
}

fail() {
    say "$@"
    exit 1
}

# Runs a line of the dkms.conf where this script's own variables cannot be changed.
line() {
    printf '+ %s\n' "$1" >&2
    (
        LC_ALL=$locale
        eval "$1"
    ) 3>&-
}

# --- The dkms.conf -----------------------------------------------------------------------------------

# Prints the directives that the dkms.conf sets, as declarations.
read_conf() {
    (
        exec 3>&-
        LC_ALL=$locale
        unset "${directives[@]}"
        { . "$source/dkms.conf"; } >&2
        declare -p "${directives[@]}" 2>/dev/null
        printf '# whole\n'
    )
}

take_conf() {
    local text
    text=$(read_conf)
    [[ $text == *'# whole' ]] || fail dkms-conf 0 "it ends before its last line"
    # At the outermost level, where a declaration is no local one.
    conf=$text
}

[[ -f $source/dkms.conf ]] || fail dkms-conf 0 "there is none at the top of the source"
unset "${directives[@]}"
# DKMS knows name and version from its tree before it reads the rest; here they are read first.
take_conf
eval "$conf"
module=$PACKAGE_NAME module_version=$PACKAGE_VERSION
[[ $module ]] || fail dkms-conf 0 "it sets no PACKAGE_NAME"
[[ $module_version ]] || fail dkms-conf 0 "it sets no PACKAGE_VERSION"
[[ $module/$module_version =~ ^[A-Za-z0-9._+~:-]+/[A-Za-z0-9._+~:-]+$ && $module != .* && $module_version != .* ]] ||
    fail dkms-conf 0 "PACKAGE_NAME and PACKAGE_VERSION are no names of directories: $module/$module_version"
unset "${directives[@]}"
take_conf
eval "$conf"
build=$dkms_tree/$module/$module_version/build

count=0
for length in ${#BUILT_MODULE_NAME[@]} ${#BUILT_MODULE_LOCATION[@]} ${#DEST_MODULE_NAME[@]} \
    ${#DEST_MODULE_LOCATION[@]}; do
    ((length <= count)) || count=$length
done
((count > 0)) || fail dkms-conf 0 "it sets no DEST_MODULE_LOCATION"
declare -a built at called put stripped
for ((i = 0; i < count; i++)); do
    built[i]=${BUILT_MODULE_NAME[i]}
    [[ ${built[i]} ]] || ((count > 1)) || built[i]=$PACKAGE_NAME
    called[i]=${DEST_MODULE_NAME[i]:-${built[i]}}
    at[i]=${BUILT_MODULE_LOCATION[i]%/}
    put[i]=${DEST_MODULE_LOCATION[i]%/}
    stripped[i]=${STRIP[i]:-${STRIP[0]:-yes}}
    [[ ${built[i]} ]] || fail dkms-conf 0 "it sets no BUILT_MODULE_NAME[$i]"
    case ${built[i]}:${called[i]} in
        *.ko | *.o | *.ko:* | *.o:*)
            fail dkms-conf 0 "a name of module $i ends in .o or .ko: ${built[i]}, ${called[i]}"
            ;;
    esac
    case ${put[i]} in
        /kernel* | /updates* | /extra*) ;;
        '') fail dkms-conf 0 "it sets no DEST_MODULE_LOCATION[$i]" ;;
        *) fail dkms-conf 0 "DEST_MODULE_LOCATION[$i] is not below /kernel, /updates or /extra: ${put[i]}" ;;
    esac
done

# --- Kernels that it is not for ----------------------------------------------------------------------

# Returns true if the first version is lower than the second.
is_lower() {
    [[ $1 != "$2" ]] && printf '%s\n' "$1" "$2" | sort -V -C
}

exclude() {
    fail excluded 0 "$1" "$2"
}

if [[ $BUILD_EXCLUSIVE_KERNEL && ! $kernelver =~ $BUILD_EXCLUSIVE_KERNEL ]]; then
    exclude BUILD_EXCLUSIVE_KERNEL "$BUILD_EXCLUSIVE_KERNEL"
fi
if [[ $BUILD_EXCLUSIVE_KERNEL_MIN ]] && is_lower "$kernelver" "$BUILD_EXCLUSIVE_KERNEL_MIN"; then
    exclude BUILD_EXCLUSIVE_KERNEL_MIN "$BUILD_EXCLUSIVE_KERNEL_MIN"
fi
if [[ $BUILD_EXCLUSIVE_KERNEL_MAX ]] && is_lower "$BUILD_EXCLUSIVE_KERNEL_MAX" "$kernelver"; then
    exclude BUILD_EXCLUSIVE_KERNEL_MAX "$BUILD_EXCLUSIVE_KERNEL_MAX"
fi
if [[ $BUILD_EXCLUSIVE_ARCH && ! $arch =~ $BUILD_EXCLUSIVE_ARCH ]]; then
    exclude BUILD_EXCLUSIVE_ARCH "$BUILD_EXCLUSIVE_ARCH"
fi
if [[ -r $kernel_config ]]; then
    for option in $BUILD_EXCLUSIVE_CONFIG; do
        is_set=
        grep -q -E "^${option#!}=[ym]" "$kernel_config" && is_set=yes
        case $option in
            !*) [[ ! $is_set ]] || exclude BUILD_EXCLUSIVE_CONFIG "$option" ;;
            *) [[ $is_set ]] || exclude BUILD_EXCLUSIVE_CONFIG "$option" ;;
        esac
    done
fi
if [[ $OBSOLETE_BY ]] && ! is_lower "$kernelver" "$OBSOLETE_BY"; then
    exclude OBSOLETE_BY "$OBSOLETE_BY"
fi

# --- Building ----------------------------------------------------------------------------------------

mkdir -p "$source_tree" && copy "$source" "$build" || fail copy $?
ln -s "$source" "$source_tree/$module-$module_version" || fail copy $?
ln -s "$source" "$dkms_tree/$module/$module_version/source" || fail copy $?
cd "$build" || exit 125

for ((i = 0; i < ${#PATCH[@]}; i++)); do
    patch=${PATCH[i]}
    [[ $patch && (! ${PATCH_MATCH[i]} || $kernelver =~ ${PATCH_MATCH[i]}) ]] || continue
    [[ -f patches/$patch ]] || fail patch 0 "$patch"
    printf '+ patch -p1 < patches/%s\n' "$patch" >&2
    patch -p1 <"patches/$patch" >&2 || fail patch $? "$patch"
done

# The compiler that the kernel names, for what does not ask the kernel's makefiles.
if [[ -f $kernel_source_dir/.kernelvariables ]]; then
    CC=$(printf 'show:\n\t@echo $(CC)\ninclude %s\n' "$kernel_source_dir/.kernelvariables" |
        make --no-print-directory -s -f - show 2>/dev/null)
elif [[ -r $kernel_config ]]; then
    CC=$(sed -n 's|^CONFIG_CC_VERSION_TEXT="\([^ ]*\) .*"|\1|p' "$kernel_config")
fi
read -r CC <<<"$CC"
if [[ $CC ]] && command -v "${CC%% *}" >/dev/null; then export CC; else unset CC; fi

# script WORD NAME AND ARGUMENTS
script() {
    [[ $2 ]] || return 0
    local words
    read -r -a words <<<"$2"
    [[ -f ${words[0]} ]] || fail "$1" 0 "${words[0]}"
    if [[ ! -x ${words[0]} ]]; then
        printf '%s: %s cannot be executed, and DKMS leaves it out\n' "$1" "${words[0]}" >&2
        return 0
    fi
    printf '+ %s\n' "$2" >&2
    (
        LC_ALL=$locale
        exec "./${words[0]#./}" "${words[@]:1}"
    ) >&2 3>&- || fail "$1" $? "${words[0]}"
}

script pre-build "$PRE_BUILD"

# The last MAKE whose MAKE_MATCH matches, or the first if it has none.
command=
[[ ${MAKE_MATCH[0]} ]] || command=${MAKE[0]}
for ((i = 0; i < ${#MAKE[@]}; i++)); do
    if [[ ${MAKE[i]} && ${MAKE_MATCH[i]} && $kernelver =~ ${MAKE_MATCH[i]} ]]; then
        command=${MAKE[i]}
    fi
done
[[ $command ]] || command="make -C $kernel_source_dir M=$build"
if [[ -r $kernel_config ]]; then
    ! grep -q '^CONFIG_CC_IS_CLANG=y' "$kernel_config" || command="$command CC=clang"
    ! grep -q '^CONFIG_LD_IS_LLD=y' "$kernel_config" || command="$command LD=ld.lld"
fi
# So that a dkms.conf can keep this away by quoting: 'make'.
[[ $command != make* ]] || command="make -j$parallel_jobs KERNELRELEASE=$kernelver${command#make}"

for depends in "${BUILD_DEPENDS[@]}"; do
    [[ ! $depends ]] || printf 'BUILD_DEPENDS names %s; here that is a need of the matrix\n' "$depends" >&2
done
line "${CLEAN:-make -C $kernel_source_dir M=$build clean}" >&2 ||
    printf 'CLEAN ended with %s, which DKMS does not look at\n' $? >&2
line "$command" >&2 || fail make $?

# --- What it made ------------------------------------------------------------------------------------

kept=$dkms_tree/$module/$module_version/$kernelver/$arch/module
mkdir -p "$kept" || fail copy $?
for ((i = 0; i < count; i++)); do
    path=${at[i]:+${at[i]}/}${built[i]}.ko
    [[ -f $path ]] || fail missing 0 "$path"
done
for ((i = 0; i < count; i++)); do
    path=${at[i]:+${at[i]}/}${built[i]}.ko
    case ${stripped[i]} in
        [nN]*) ;;
        *) "${CROSS_COMPILE}strip" -g "$path" >&2 || fail make $? ;;
    esac
    cp "$path" "$kept/${called[i]}.ko" || fail copy $?
done
script post-build "$POST_BUILD"

# As they lie below /lib/modules/KERNEL when they are installed.
modules=$dkms_tree/.modules
for ((i = 0; i < count; i++)); do
    mkdir -p "$modules${put[i]}" || fail copy $?
    cp "$kept/${called[i]}.ko" "$modules${put[i]}/${called[i]}.ko" || fail copy $?
done
say "$modules"
