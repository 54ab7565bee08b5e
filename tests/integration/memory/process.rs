//! Threads, stack and registers at the `execve`.
#![allow(unsafe_code, reason = "registers are filled and read by name")]

use nix::libc;
use rustls::version::TLS13;

use super::keys::Tls;
use super::random;
use super::traced_process::TracedProcess;
use crate::support::fake_server::{FakeServer, Reply};

#[test]
#[ignore = "root: traces vault-exec"]
fn a_start_with_an_ip_address_makes_no_thread() {
    let threads = [libc::SYS_clone, libc::SYS_clone3].map(|call: libc::c_long| call.unsigned_abs());
    let fake = FakeServer::answering([Reply::secret(&[("a", &random(32))])]);
    let process = TracedProcess::on(&fake.unwatched_vault());
    assert!(!process.calls.iter().any(|call| threads.contains(call)), "{:?}", process.calls);
}

/// How much of the stack the code after the wiping may use, in bytes.
const USED_LATER: usize = 2048;

/// Keys are on the stack in forms that no search knows, multiplied or expanded.
#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn the_unused_stack_is_wiped() {
    let tls = Tls::of(&TLS13);
    let fake = FakeServer::answering_over_tls(tls.config.clone(), [Reply::secret(&[("a", &random(32))])]);
    let process = TracedProcess::on(&fake.unwatched_vault().file("ca", &tls.ca).args(["--ca-cert", "ca"]));
    let stack = process.memory.iter().find(|region| region.whose.contains("[stack]")).expect("a stack");
    let in_use = usize::try_from(process.stack_pointer - stack.start).expect("a size");
    let left = stack.bytes[..in_use - USED_LATER].iter().filter(|&&byte| byte != 0).count();
    assert_eq!(left, 0, "bytes below what is in use");
}

/// The content of registers depends on the machine and on chance, so this test fills them.
#[cfg(target_arch = "x86_64")]
#[test]
fn vector_registers_are_wiped() {
    use std::arch::{asm, is_x86_feature_detected};
    use vault_exec::process::wipe_registers;

    let mut kept = [1_u8; 32 * 64];
    // SAFETY: the instructions are there, the registers are named as lost, and each has its place in `kept`.
    unsafe {
        if is_x86_feature_detected!("avx512f") {
            asm!(
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "vpternlogd zmm\\n, zmm\\n, zmm\\n, 0xff",
                ".endr",
                "call {wipe}",
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
                "vmovdqu64 [r12 + \\n * 64], zmm\\n",
                ".endr",
                wipe = sym wipe_registers,
                in("r12") kept.as_mut_ptr(),
                clobber_abi("C"),
            );
        } else {
            kept[16 * 16..].fill(0);
            asm!(
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "pcmpeqd xmm\\n, xmm\\n",
                ".endr",
                "call {wipe}",
                ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                "movups [r12 + \\n * 16], xmm\\n",
                ".endr",
                wipe = sym wipe_registers,
                in("r12") kept.as_mut_ptr(),
                clobber_abi("C"),
            );
        }
    }
    let left: Vec<_> = kept.chunks(64).map(|register| register.iter().any(|&byte| byte != 0)).collect();
    assert_eq!(left, [false; 32], "registers that are not empty");
}
