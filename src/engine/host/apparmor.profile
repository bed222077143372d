# What containers may do at most where a machine has AppArmor: everything but mounting, and writing
# to what belongs to the whole machine. Hidden paths and seccomp forbid most of it once more.

#include <tunables/global>

profile compose-default flags=(attach_disconnected, mediate_deleted) {
  #include <abstractions/base>

  capability,
  file,
  network,
  umount,

  # Who started it may end it; among themselves they do as they like.
  signal (receive) peer=unconfined,
  signal (send, receive) peer=compose-default,
  ptrace (read, readby, trace, tracedby) peer=compose-default,

  deny mount,

  deny @{PROC}/{kcore,kmem,mem,sysrq-trigger} rwklx,
  deny @{PROC}/{acpi,bus,fs,irq,scsi}/** wkl,
  deny @{PROC}/sys/{abi,debug,dev,vm}/** wkl,
  deny @{PROC}/sys/fs/{binfmt_misc/**,file-max,nr_open,protected_*,suid_dumpable} wkl,
  deny @{PROC}/sys/kernel/{core_*,hotplug,modprobe,modules_disabled,panic*,kptr_*,sysrq,yama/**} wkl,
  deny @{PROC}/sys/kernel/{ftrace*,kexec_*,perf_*,printk*,randomize_va_space,unprivileged_*} wkl,

  deny /sys/{block,bus,class,dev,devices,firmware,hypervisor,kernel,module,power}/** wkl,
  deny /sys/fs/{bpf,ext4,fuse,pstore,selinux,smackfs,xfs,btrfs}/** wkl,
  deny /sys/{firmware,kernel/debug,kernel/security,kernel/tracing}/** rwklx,
}
