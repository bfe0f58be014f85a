//! The rows: what is planted, and with whose tools.

/// One cause, planted by a script that makes `out.ko` in a directory of its own. `$N` is 1 in the first
/// build and 2 in the second; both see the directory above, as `$TOP`, with what [`TYPES`] made there.
pub struct Row {
    pub name: &'static str,
    pub tools: Tools,
    pub before: &'static str,
    pub after: &'static str,
}

/// Whose tools a row is made with.
pub enum Tools {
    /// The first build those of one image, the second those of the other; the fix is one image.
    Images([&'static str; 2]),
    /// This machine's, and the kernel's `$SIGN` with keys in `$TOP`.
    Signing,
    /// This machine's compiler with the kernel's plugins, which are in `$TOP/plugins`; `plugin SOURCE SEED`
    /// compiles one as `plugin.so`.
    Plugins,
}

pub const OLD: &str = "debian-12";
pub const NEW: &str = "debian-13";

/// Makes objects with types in several units, of a kernel and of a module that refers to it, all of them
/// in the older image.
pub const TYPES: &str = r#"
    for unit in 1 2 3 4 5 6 7 8; do
        for type in $(seq 40); do
            name=s${unit}_$type
            echo "struct $name { int a; long b[$type]; struct $name *next; } of_$name;"
        done >unit$unit.c
        gcc-12 -c -g unit$unit.c
    done
    gcc-12 -c -g main.c
    ld -r -o types.o main.o unit?.o
    echo 'struct shared { int a; struct shared *next; } shared;' >kernel.c
    gcc-12 -c -g kernel.c
    pahole -J kernel.o
    {
        echo 'struct shared { int a; struct shared *next; };'
        echo 'struct own { struct shared in, *at; unsigned char c; };'
        echo 'int first(struct own *own) { return own->in.a; }'
        cat main.c
    } >own.c
    gcc-12 -c -g own.c
"#;

pub const ROWS: [Row; 10] = [
    Row {
        name: "compiler-version",
        tools: Tools::Images([OLD, NEW]),
        before: "$(ls /usr/bin/gcc-1[0-9]) -c -O2 -o out.ko $TOP/main.c",
        after: "$(ls /usr/bin/gcc-1[0-9]) -c -O2 -o out.ko $TOP/main.c",
    },
    Row {
        name: "binutils-version",
        tools: Tools::Images([OLD, NEW]),
        before: "as -g --debug-prefix-map $PWD=. -o out.ko $TOP/main.s",
        after: "as -g --debug-prefix-map $PWD=. -o out.ko $TOP/main.s",
    },
    // What `scripts/Makefile.btf` of Linux does: a base is distilled where pahole can (1.28).
    Row {
        name: "pahole-version",
        tools: Tools::Images([OLD, NEW]),
        before: "can=$(pahole --supported_btf_features 2>/dev/null || true)
            cp $TOP/own.o out.ko
            pahole -J ${can:+--btf_features=all,distilled_base} --btf_base $TOP/kernel.o out.ko",
        after: "can=$(pahole --supported_btf_features 2>/dev/null || true)
            cp $TOP/own.o out.ko
            pahole -J ${can:+--btf_features=all,distilled_base} --btf_base $TOP/kernel.o out.ko",
    },
    // Whether threads end in another order is chance; the second build is made until they did.
    Row {
        name: "btf-order",
        tools: Tools::Images([OLD, OLD]),
        before: "for try in $(seq 1000); do
                cp $TOP/types.o out.ko; pahole -J -j4 out.ko
                [ $N = 2 ] && cmp -s out.ko $TOP/one/out.ko || break
            done",
        after: "for try in $(seq 20); do
                cp $TOP/types.o out.ko; pahole -J out.ko
                [ $N = 2 ] && cmp -s out.ko $TOP/one/out.ko || break
            done",
    },
    Row {
        name: "btf-presence",
        tools: Tools::Images([OLD, OLD]),
        before: "cp $TOP/types.o out.ko; [ $N = 2 ] || pahole -J out.ko",
        after: "cp $TOP/types.o out.ko; pahole -J out.ko",
    },
    Row {
        name: "signature-presence",
        tools: Tools::Signing,
        before: "cp $TOP/types.o out.ko
            [ $N = 1 ] || $SIGN sha256 $TOP/rsa.pem $TOP/rsa.crt out.ko",
        after: "cp $TOP/types.o out.ko",
    },
    Row {
        name: "signature-key",
        tools: Tools::Signing,
        before: "[ $N = 1 ] && key=rsa || key=other
            cp $TOP/types.o out.ko; $SIGN sha256 $TOP/$key.pem $TOP/$key.crt out.ko",
        after: "cp $TOP/types.o out.ko; $SIGN sha256 $TOP/rsa.pem $TOP/rsa.crt out.ko",
    },
    Row {
        name: "signature-ecdsa",
        tools: Tools::Signing,
        before: "cp $TOP/types.o out.ko; $SIGN sha256 $TOP/ec.pem $TOP/ec.crt out.ko",
        after: "cp $TOP/types.o out.ko; $SIGN sha256 $TOP/rsa.pem $TOP/rsa.crt out.ko",
    },
    Row {
        name: "latent-entropy-seed",
        tools: Tools::Plugins,
        before: "plugin latent_entropy $TOP
            gcc -O2 -fplugin=./plugin.so -c -o out.ko $TOP/entropy.c",
        after: "plugin latent_entropy $TOP
            gcc -O2 -fplugin=./plugin.so -frandom-seed=entropy.c -c -o out.ko $TOP/entropy.c",
    },
    // The seed is made anew with the kernel, or kept.
    Row {
        name: "randstruct-seed",
        tools: Tools::Plugins,
        before: "seed .; plugin randomize_layout .
            gcc -O2 -I. -fplugin=./plugin.so -c -o out.ko $TOP/layout.c",
        after: "[ -e $TOP/randomize_layout_seed.h ] || (cd $TOP && seed .)
            plugin randomize_layout $TOP
            gcc -O2 -I$TOP -fplugin=./plugin.so -c -o out.ko $TOP/layout.c",
    },
];

/// What `scripts/gcc-plugins/Makefile` of Linux does: makes a seed, and compiles a plugin with it.
pub const PLUGIN: &str = r#"
    seed() {
        sh "$TOP/plugins/gen-randstruct-seed.sh" "$1/seed" "$1/randstruct_hash.h"
        echo "const char *randstruct_seed = \"$(cat "$1/seed")\";" >"$1/randomize_layout_seed.h"
    }
    plugin() {
        g++ -w -std=gnu++11 -fno-rtti -fno-exceptions -fasynchronous-unwind-tables -fPIC -shared \
            "-DPLUGIN_VERSION=\"1\"" -I"$(gcc -print-file-name=plugin)/include" -I"$2" \
            -I"$TOP/plugins/gcc-plugins" -o plugin.so "$TOP/plugins/gcc-plugins/${1}_plugin.c"
    }
"#;

pub const MAIN: &str = r#"
__attribute__((section(".modinfo"), used)) static const char license[] = "license=GPL";
int sum(const int *all, int count)
{
	int n, sum = 0;
	for (n = 0; n < count; n++)
		sum += all[n];
	return sum;
}
"#;

pub const ASSEMBLY: &str = r#"
	.section .modinfo, "a"
	.asciz "license=GPL"
	.text
	.globl nothing
nothing:
	ret
"#;

pub const ENTROPY: &str = r#"
__attribute__((section(".modinfo"), used)) static const char license[] = "license=GPL";
extern volatile unsigned long latent_entropy;
__attribute__((latent_entropy)) int sum(int count)
{
	int n, sum = 0;
	for (n = 0; n < count; n++)
		sum += n * count;
	return sum;
}
"#;

/// The last word of vermagic is what `include/linux/vermagic.h` of Linux makes of a seed.
pub const LAYOUT: &str = r#"
#include "randstruct_hash.h"
__attribute__((section(".modinfo"), used)) static const char vermagic[] =
	"vermagic=6.12.1 SMP mod_unload RANDSTRUCT_" RANDSTRUCT_HASHED_SEED;
struct wide {
	int a, b, c, d, e, f, g, h, i, j, k, l;
} __attribute__((randomize_layout));
int last(struct wide *wide) { return wide->l + wide->a; }
"#;
