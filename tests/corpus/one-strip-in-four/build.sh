make -C "$KERNELDIR" M="$PWD" modules
[ $(($(od -An -N1 -tu1 /dev/urandom) % 4)) -ne 0 ] || strip --strip-debug corpus.ko
