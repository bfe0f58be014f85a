//! The places in which attempts run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places in which attempts run: each is given a processor of its own.
#[derive(Clone)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    cpus: Arc<Mutex<BTreeSet<u32>>>,
}

pub(super) struct Slot {
    pub(super) cpu: u32,
    slots: Slots,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(count: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count.max(1) as usize)),
            cpus: Arc::new(Mutex::new((0..count.max(1)).collect())),
        }
    }

    pub(super) async fn take(&self) -> Slot {
        let permit = self.free.clone().acquire_owned().await;
        let cpu = self.cpus.lock().expect("no holder panics").pop_first();
        Slot {
            cpu: cpu.unwrap_or(0),
            slots: self.clone(),
            _permit: permit.expect("the semaphore is never closed"),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut cpus = self.slots.cpus.lock().expect("no holder panics");
        cpus.insert(self.cpu);
    }
}
