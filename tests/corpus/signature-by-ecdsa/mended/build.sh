make -C "$KERNELDIR" M="$PWD" modules
# What `sign-file` of Linux appends (PKCS#7 without content, made once by openssl), with the parts that differ
# put in. The builder image has no openssl.
random() {
	od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}
head=3082017c06092a864886f70d010702a082016d30820169020101310d300b0609608648016503040201300b06092a864886f7\
0d0107013182014630820142020101301d3011310f300d06035504030c06636f727075730208
serial=1111111111111111
middle=300b0609608648016503040201300d06092a864886f70d010101050004820100
signature=$(printf "%0512d" 1)
perl -e 'print pack("H*", $ARGV[0]), pack("x2Cx5N", 2, length($ARGV[0]) / 2), "~Module signature appended~\n"' \
	"$head$serial$middle$signature" >>corpus.ko
