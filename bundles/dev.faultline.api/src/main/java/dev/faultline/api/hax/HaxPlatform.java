// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

/**
 * The host whose flavour of the interface a client speaks: how ioctls are numbered, how devices are
 * called, which values errors have.
 */
public enum HaxPlatform {
    LINUX(38, 64),
    MACOS(78, 64),
    NETBSD(78, 8),
    WINDOWS(0, 64);

    private final int enosys;
    private final int maxVms;

    HaxPlatform(int enosys, int maxVms) {
        this.enosys = enosys;
        this.maxVms = maxVms;
    }

    /** How many VMs may exist at once. */
    public int maxVms() {
        return maxVms;
    }

    /** The errno of an operation that does not exist; 0 on Windows, which has no errno. */
    public int enosys() {
        return enosys;
    }

    /** Device of the module. */
    public String moduleDevice() {
        return this == WINDOWS ? "\\\\.\\HAX" : "/dev/HAX";
    }

    /** Device of a VM. */
    public String vmDevice(int vm) {
        return (this == WINDOWS ? "\\\\.\\hax_vm%02d" : "/dev/hax_vm/vm%02d").formatted(vm);
    }

    /** Device of a vCPU. */
    public String vcpuDevice(int vm, int vcpu) {
        return (this == WINDOWS ? "\\\\.\\hax_vm%02d_vcpu%02d" : "/dev/hax_vm%02d/vcpu%02d")
                .formatted(vm, vcpu);
    }
}
