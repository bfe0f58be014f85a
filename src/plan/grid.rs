//! Cells by number: kernels and modules in the order of their names.

use crate::matrix::{Axis, Matrix};
use crate::name::{CellId, ModuleName};
use crate::plan::kernels::Kernels;
use crate::plan::order::natural;

/// A cell by the indexes of its kernel and its module, so that the order of cells is that of numbers.
pub(super) type Cell = (usize, usize);

/// Every kernel and every module, from which cells are made.
pub(super) struct Grid<'m, 'c> {
    pub(super) kernels: Kernels<'c>,
    pub(super) modules: Vec<&'m ModuleName>,
}

impl<'m, 'c> Grid<'m, 'c> {
    /// Orders the modules of a matrix beside the kernels.
    pub(super) fn new(matrix: &'m Matrix, kernels: Kernels<'c>) -> Self {
        let names = matrix.modules.iter().map(|module| &module.name);
        let mut modules: Vec<&ModuleName> = names.collect();
        modules.sort_by(|a, b| natural(a.as_str(), b.as_str()));
        Self { kernels, modules }
    }

    /// Returns the modules of an axis by their indexes.
    pub(super) fn modules_of(&self, axis: &Axis<ModuleName>) -> Vec<usize> {
        let all = self.modules.iter().enumerate();
        all.filter(|(_, name)| axis.admits(|wanted| wanted == **name))
            .map(|(index, _)| index)
            .collect()
    }

    /// Names a cell.
    pub(super) fn id(&self, (kernel, module): Cell) -> CellId {
        CellId::new(self.kernels.get(kernel), self.modules[module])
    }
}

/// Pairs every kernel with every module.
pub(super) fn product(kernels: &[usize], modules: &[usize]) -> impl Iterator<Item = Cell> {
    kernels
        .iter()
        .flat_map(|kernel| modules.iter().map(|module| (*kernel, *module)))
}

/// Orders cells and keeps each once.
pub(super) fn ordered(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_unstable();
    cells.dedup();
    cells
}
