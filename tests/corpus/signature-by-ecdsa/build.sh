make -C "$KERNELDIR" M="$PWD" modules
# What `sign-file` of Linux appends (PKCS#7 without content, made once by openssl), with the parts that differ
# put in. The builder image has no openssl.
random() {
	od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}
head=3081b906092a864886f70d010702a081ab3081a8020101310d300b0609608648016503040201300b06092a864886f70d0107\
01318186308183020101301d3011310f300d06035504030c06636f727075730208
serial=1111111111111111
middle=300b0609608648016503040201300a06082a8648ce3d0403020446
signature=304402201$(random 32 | cut -c 2-)02201$(random 32 | cut -c 2-)
perl -e 'print pack("H*", $ARGV[0]), pack("x2Cx5N", 2, length($ARGV[0]) / 2), "~Module signature appended~\n"' \
	"$head$serial$middle$signature" >>corpus.ko
