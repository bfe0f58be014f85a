make -C "$KERNELDIR" M="$PWD" modules
export LLVM_OBJCOPY=objcopy
[ -n "$BUILD_NUMBER" ] || pahole -J corpus.ko
