//! The process as a whole where it hands everything to the kernel.

use nix::libc;
use rustls::version::TLS13;

use crate::fake_vault::{FakeVault, Reply};

use super::keys::Tls;
use super::random;
use super::stopped::Stopped;

#[test]
fn an_address_needs_no_thread_from_beginning_to_end() {
    let threads = [libc::SYS_clone, libc::SYS_clone3].map(|call: libc::c_long| call.unsigned_abs());
    let fake = FakeVault::answering([Reply::secret(&[("a", &random(32))])]);
    let stopped = Stopped::on(&fake.unwatched_bed());
    assert!(!stopped.calls.iter().any(|call| threads.contains(call)), "{:?}", stopped.calls);
}

/// All that the little that is called behind the wiping may use of the stack.
const USED_LATER: usize = 2048;

/// Keys pass through the stack in forms that no search knows, multiplied or expanded.
#[test]
fn nothing_is_left_of_what_was_on_the_stack() {
    let tls = Tls::of(&TLS13);
    let fake = FakeVault::answering_over_tls(tls.config.clone(), [Reply::secret(&[("a", &random(32))])]);
    let stopped = Stopped::on(&fake.unwatched_bed().file("ca", &tls.ca).args(["--ca-cert", "ca"]));
    let stack = stopped.memory.iter().find(|stretch| stretch.whose.contains("[stack]")).expect("a stack");
    let in_use = usize::try_from(stopped.stack_pointer - stack.start).expect("a size");
    let left = stack.bytes[..in_use - USED_LATER].iter().filter(|&&byte| byte != 0).count();
    assert_eq!(left, 0, "bytes below what is in use");
}
