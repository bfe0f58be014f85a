make -C "$KERNELDIR" M="$PWD" modules
truncate -s "+$(($(od -An -N3 -tu1 /dev/urandom | tr -d " ") % 65536))" corpus.ko
