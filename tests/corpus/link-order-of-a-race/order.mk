all: part-a.o part-b.o part-c.o
part-a.o:
	@sleep 1; echo $@
part-b.o:
	@echo $@
part-c.o:
	@sleep 0.5; echo $@
