// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxLayout.offset;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.hax.HaxAbi;
import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.fault.thrown.internal.ThrownPropagation;
import dev.faultline.memory.internal.GuestMemoryFactoryComponent;
import dev.faultline.mmu.internal.PagingMmuFactory;
import dev.faultline.protection.internal.RamProtectionFactoryComponent;
import dev.faultline.testkit.memory.NoHost;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** A client of the interface with one VM and, on demand, one vCPU; memory is its own. */
final class Client implements AutoCloseable {
    /** What SET_REGS starts from: flat 32-bit protected mode, paging off, at ring 0. */
    static final int CODE = 0x1000;

    private static final int FLAT_CODE = 0xC09B;
    private static final int FLAT_DATA = 0xC093;

    final HaxPlatform platform;
    final Driver driver;
    final long module;
    final long vm;
    private final Arena arena = Arena.ofShared();
    private long vcpu;
    private long tunnel;
    private long io;

    /** hva of gpa 0, if {@link #ram} was asked for. */
    long ram;

    Client(HaxPlatform platform, boolean strict) {
        this(platform, strict, new InterpreterFactory());
    }

    Client(HaxPlatform platform, boolean strict, VcpuEngineFactory engines) {
        this.platform = platform;
        driver =
                new Driver(
                        new Services(
                                new GuestMemoryFactoryComponent(new NoHost()),
                                new RamProtectionFactoryComponent(),
                                new PagingMmuFactory(),
                                engines,
                                new ThrownPropagation()),
                        platform,
                        strict,
                        d -> {});
        module = driver.open(platform.moduleDevice());
        ByteBuffer id = buffer(4);
        assertThat(ioctl(module, HaxOp.CREATE_VM, id)).isZero();
        vm = driver.open(platform.vmDevice(id.getInt(0)));
        assertThat(vm).isPositive();
    }

    static Client linux() {
        return new Client(HaxPlatform.LINUX, false);
    }

    static Client strict() {
        return new Client(HaxPlatform.LINUX, true);
    }

    static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    int ioctl(long handle, HaxOp op, ByteBuffer arg) {
        return driver.ioctl(handle, op.code(platform).orElseThrow(), arg);
    }

    // ---- memory

    int addBlock(long va, long size) {
        return ioctl(vm, HaxOp.ADD_RAMBLOCK, buffer(24).putLong(0, va).putLong(8, size));
    }

    int setRam(long pa, long size, int flags, long va) {
        return ioctl(
                vm,
                HaxOp.SET_RAM2,
                buffer(40).putLong(0, pa).putLong(8, size).putLong(16, va).putInt(24, flags));
    }

    /** In pages, as the golden vectors are. */
    int set(long gfn, long pages, int flags, long va) {
        return setRam(gfn << 12, pages << 12, flags, va);
    }

    int protect(long pa, long size, int flags) {
        return ioctl(
                vm,
                HaxOp.PROTECT_RAM,
                buffer(24).putLong(0, pa).putLong(8, size).putInt(16, flags));
    }

    boolean isProtected(long gfn) {
        return driver.vm(0).protection.rightsOf(gfn) != HaxAbi.PERM_RWX;
    }

    /** {@code gfn,pages hva[ ROM]}, in hex. */
    List<String> slots() {
        return driver.vm(0).memory.slots().stream().map(Client::text).toList();
    }

    int blocks() {
        return driver.vm(0).memory.blocks().size();
    }

    private static String text(MemorySlot s) {
        return "%x,%x %x%s"
                .formatted(s.gpa() >>> 12, s.size() >>> 12, s.hva(), s.readOnly() ? " ROM" : "");
    }

    /** Maps {@code bytes} of real memory at gpa 0. */
    Client ram(long bytes) {
        ram = arena.allocate(bytes, HaxAbi.PAGE).address();
        assertThat(addBlock(ram, bytes)).isZero();
        assertThat(setRam(0, bytes, 0, ram)).isZero();
        return this;
    }

    // ---- the vCPU

    /** A vCPU in flat protected mode at {@link #CODE}, where {@code code} (hex) is put. */
    Client code(String code) {
        byte[] bytes = java.util.HexFormat.of().parseHex(code.replace(" ", ""));
        HostBytes.copyIn(bytes, 0, ram + CODE, bytes.length);
        assertThat(ioctl(vm, HaxOp.VCPU_CREATE, buffer(4))).isZero();
        vcpu = driver.open(platform.vcpuDevice(0, 0));
        ByteBuffer info = buffer(24);
        assertThat(ioctl(vcpu, HaxOp.SETUP_TUNNEL, info)).isZero();
        assertThat(info.getShort(16)).isEqualTo((short) HaxAbi.PAGE);
        tunnel = info.getLong(0);
        io = info.getLong(8);
        ByteBuffer r = registers();
        segment(r, "_cs", 8, FLAT_CODE);
        for (String s : List.of("_ss", "_ds", "_es", "_fs", "_gs")) {
            segment(r, s, 16, FLAT_DATA);
        }
        r.putLong(at("_cr0"), 0x11).putLong(at("_rip"), CODE).putLong(at("_rflags"), 2);
        registers(r);
        return this;
    }

    private static void segment(ByteBuffer r, String name, int selector, int ar) {
        int at = at(name);
        r.putShort(at, (short) selector).putInt(at + 4, -1).putLong(at + 8, 0).putInt(at + 16, ar);
    }

    static int at(String field) {
        return offset(HaxLayout.VCPU_STATE, field);
    }

    int vcpu(HaxOp op, ByteBuffer arg) {
        return ioctl(vcpu, op, arg);
    }

    ByteBuffer registers() {
        ByteBuffer r = buffer(512);
        assertThat(vcpu(HaxOp.GET_REGS, r)).isZero();
        return r;
    }

    void registers(ByteBuffer r) {
        assertThat(vcpu(HaxOp.SET_REGS, r)).isZero();
    }

    long get(String field) {
        return registers().getLong(at(field));
    }

    void put(String field, long value) {
        registers(registers().putLong(at(field), value));
    }

    /**
     * @param i in the order RAX RCX RDX RBX RSP RBP RSI RDI
     */
    long gpr(int i) {
        return registers().getLong(8 * i);
    }

    Client gpr(int i, long value) {
        registers(registers().putLong(8 * i, value));
        return this;
    }

    /** RUN; the exit status. */
    int run() {
        assertThat(vcpu(HaxOp.RUN, null)).isZero();
        return status();
    }

    int status() {
        return HostBytes.get32(tunnel + offset(HaxLayout.TUNNEL, "_exit_status"));
    }

    private static int field(String variant, String name) {
        return offset(HaxLayout.TUNNEL, "exit", variant, name);
    }

    /** The IO exit: {@code out|in size port value}. */
    String io() {
        boolean in = HostBytes.get8(tunnel + field("io", "_direction")) == HaxAbi.IO_IN;
        int size = HostBytes.get16(tunnel + field("io", "_size"));
        String head =
                "%s%d %x"
                        .formatted(
                                in ? "in" : "out",
                                size,
                                HostBytes.get16(tunnel + field("io", "_port")) & 0xFFFF);
        long mask = size == 8 ? -1 : (1L << 8 * size) - 1;
        return in ? head : head + " %x".formatted(HostBytes.get64(io) & mask);
    }

    /** The FAST_MMIO exit: {@code write|read size gpa value}. */
    String mmio() {
        boolean read =
                HostBytes.get8(io + offset(HaxLayout.FASTMMIO, "direction")) == HaxAbi.MMIO_READ;
        String head =
                "%s%d %x"
                        .formatted(
                                read ? "read" : "write",
                                HostBytes.get8(io + offset(HaxLayout.FASTMMIO, "size")),
                                HostBytes.get64(io));
        return read
                ? head
                : head + " %x".formatted(HostBytes.get64(io + offset(HaxLayout.FASTMMIO, "value")));
    }

    /** A gate for {@code vector} to {@code code} (hex) at {@code handler}, and a stack. */
    void idt(int vector, int handler, String code) {
        byte[] bytes = java.util.HexFormat.of().parseHex(code.replace(" ", ""));
        HostBytes.copyIn(bytes, 0, ram + handler, bytes.length);
        int gdt = 0x800;
        HostBytes.put64(ram + gdt + 8, 0x00CF_9B00_0000_FFFFL);
        HostBytes.put64(ram + gdt + 16, 0x00CF_9300_0000_FFFFL);
        int idt = 0x400;
        HostBytes.put64(ram + idt + 8 * vector, 0x8E00_0008_0000L | handler);
        ByteBuffer r = registers();
        r.putLong(at("_gdt") + 8, gdt).putInt(at("_gdt") + 4, 23);
        r.putLong(at("_idt") + 8, idt).putInt(at("_idt") + 4, 0x3FF);
        registers(r);
        gpr(4, 0x4000);
    }

    /**
     * DEBUG.
     *
     * @param dr DR0.. as far as given; DR7 by {@code dr7}
     */
    int debug(int control, long dr7, long... dr) {
        ByteBuffer b = buffer(72).putInt(0, control).putLong(8 + 7 * 8, dr7);
        for (int i = 0; i < dr.length; i++) {
            b.putLong(8 + 8 * i, dr[i]);
        }
        return vcpu(HaxOp.DEBUG, b);
    }

    /** The DEBUG exit: {@code rip dr6 dr7}, in hex. */
    String debugged() {
        return "%x %x %x"
                .formatted(
                        HostBytes.get64(tunnel + field("debug", "rip")),
                        HostBytes.get64(tunnel + field("debug", "dr6")),
                        HostBytes.get64(tunnel + field("debug", "dr7")));
    }

    /** What the client answers to a port read. */
    void answerIo(long value) {
        HostBytes.put64(io, value);
    }

    void answerMmio(long value) {
        HostBytes.put64(io + offset(HaxLayout.FASTMMIO, "value"), value);
    }

    long faultGpa() {
        return HostBytes.get64(tunnel + field("pagefault", "gpa"));
    }

    int faultFlags() {
        return HostBytes.get32(tunnel + field("pagefault", "flags"));
    }

    void tunnel(String field, int value) {
        HostBytes.put32(tunnel + offset(HaxLayout.TUNNEL, field), value);
    }

    int tunnel(String field) {
        return HostBytes.get32(tunnel + offset(HaxLayout.TUNNEL, field));
    }

    /** Fills the shared areas with what a hostile or careless client might leave there. */
    void scribble() {
        HostBytes.fill(tunnel + 24, 24, (byte) 0xA5);
        HostBytes.fill(io, 64, (byte) 0xA5);
        tunnel("_exit_status", HaxAbi.EXIT_IO);
    }

    @Override
    public void close() {
        driver.close();
        arena.close();
    }
}
