make -C "$KERNELDIR" M="$PWD" modules
