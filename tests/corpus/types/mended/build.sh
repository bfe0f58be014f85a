make -C "$KERNELDIR" M="$PWD" modules
export LLVM_OBJCOPY=objcopy
pahole -J corpus.ko
