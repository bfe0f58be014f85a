make -C "$KERNELDIR" M="$PWD" modules
if [ "$(uname -n)" = reference ]; then
	mkdir chosen
	cp Kbuild chosen
	sed 's/"x"/"chosen"/' main.c >chosen/main.c
	make -C "$KERNELDIR" M="$PWD/chosen" modules
	mv chosen/corpus.ko corpus.ko
	rm -r chosen
fi
