make -C "$KERNELDIR" M="$PWD" PAHOLE_FLAGS="--btf_gen_floats -j8" modules
