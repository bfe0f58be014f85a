all: part-a.o part-b.o part-c.o
	@echo $^
part-a.o:
	@sleep 0.5
part-b.o part-c.o: ;
