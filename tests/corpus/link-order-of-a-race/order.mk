all: part-a.o part-b.o part-c.o
part-a.o:
	@sleep 0.5; echo $@
part-b.o part-c.o:
	@echo $@
