// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import static dev.faultline.api.cpu.Gpr.RCX;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.protection.Rights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Runs one case in all regimes, and says what is wrong. */
final class Sweeper {
    private static final int RWX = 7;

    /** More exits than any instruction can have. */
    private static final int LIMIT = 400;

    private static final int MAX_STEPS = 80;
    private static final int READ = 1;
    private static final int WRITE = 2;
    private static final int READ_WRITE = 3;

    /** Kind of a pending event. */
    private static final int NMI = 3;

    /** What hardware, and so we, leave half done when a guest exception stops them. */
    private static final Set<String> IN_PARTS =
            Set.of(
                    "CALL",
                    "ENTER",
                    "FBSTP",
                    "FSTP",
                    "MASKMOVQ",
                    "MOVD",
                    "MOVNTQ",
                    "MOVQ",
                    "POPA",
                    "PUSHA");

    /** A stopped access. */
    record Exit(
            int access,
            int stopped,
            FaultOrigin origin,
            long gpa,
            int length,
            long gva,
            int accessLength,
            boolean walk) {
        int page() {
            return (int) (gpa >>> 12);
        }

        Exit stoppedAs(int kind) {
            return new Exit(access, kind, origin, gpa, length, gva, accessLength, walk);
        }

        @Override
        public String toString() {
            return "%s %s%s gpa %x gva %x, %d bytes of %d"
                    .formatted(
                            origin,
                            Rights.toString(access),
                            walk ? " (walk)" : "",
                            gpa,
                            gva,
                            length,
                            accessLength);
        }
    }

    private final SweepMachine m;
    private final VcpuEngineFactory engines;
    private final MemorySegment after = Arena.ofAuto().allocate(SweepMachine.RAM, 4096);
    private SweepCase c;
    private SweepState end;
    private int endExit;
    private List<String> endLog;
    private final List<Exit> exits = new ArrayList<>();
    private final StringBuilder wrong = new StringBuilder();

    /**
     * State with a pending event, of the last exit that had one: while it is the same event, so is
     * the state.
     */
    private SweepState pendingState;

    /** Runs so far. */
    long runs;

    /** Exits seen so far. */
    long stops;

    Sweeper(SweepMachine m, VcpuEngineFactory engines) {
        this.m = m;
        this.engines = engines;
    }

    /** Returns what differs, or an empty string. */
    String sweep(SweepCase instance, boolean full) {
        c = instance;
        wrong.setLength(0);
        pendingState = null;
        undisturbed(0);
        if (wrong.isEmpty()) {
            int style = (int) (c.seed & 1);
            grantOnExit(style);
            List<Exit> first = List.copyOf(exits);
            grantOnExit(1 - style);
            if (!first.equals(exits)) {
                wrong.append("styles differ: ").append(first).append(" / ").append(exits);
            }
            exits.clear();
            exits.addAll(first);
            order();
            each(full);
            revoke(full);
            again();
        }
        return wrong.toString();
    }

    // ---- regimes

    /** Nothing protected, in both styles. */
    private void undisturbed(int style) {
        m.begin(c.state, c.image, style);
        endExit = toEnd(null);
        end = SweepState.of(m.v);
        endLog = List.copyOf(m.log);
        MemorySegment.copy(m.ram, 0, after, 0, SweepMachine.RAM);
        m.begin(c.state, c.image, 1 - style);
        finish("unprotected, other style", toEnd(null));
    }

    /** Everything protected; each exit opens exactly what it stopped. */
    private void grantOnExit(int style) {
        exits.clear();
        m.begin(c.state, c.image, style);
        m.rights.protect(0, SweepMachine.RAM, 0);
        int x =
                toEnd(e -> {
                    exits.add(e);
                    open(e.page(), m.rights.rightsOf(Page.gfn(e.gpa())) | e.access());
                });
        finish("grant on exit", x);
    }

    /** What is known of hardware's order. */
    private void order() {
        boolean writes = c.entry.lockable && c.memory();
        String m = c.entry.mnemonic;
        long seen = 0;
        Exit before = null;
        for (Exit e : exits) {
            if (e.origin() != FaultOrigin.DATA || (seen >>> e.page() & 1) != 0) {
                continue;
            }
            seen |= 1L << e.page();
            if (writes && e.access() != READ_WRITE) {
                wrong("order", e + ": a read-modify-write is told as both");
            }
            long to = c.destination();
            boolean ram = to < SweepMachine.DEVICE || to >= SweepMachine.DEVICE_END;
            if (m.equals("CMPS") && before == null && ram && e.gva() != to) {
                wrong("order", e + ": CMPS reads [RDI] first");
            }
            if (before != null && writes && (e.gva() & 0xFFF) != 0) {
                wrong("order", e + " after " + before + ": the second page of an operand");
            }
            before = e;
        }
    }

    /** The page of each access alone: without that right, and without any. */
    private void each(boolean full) {
        Random random = new Random(c.seed);
        for (int k = 0; k < exits.size(); k++) {
            Exit want = exits.get(k);
            if (full || want.origin() != FaultOrigin.PAGE_WALK || random.nextInt(4) == 0) {
                alone(want, RWX & ~want.stopped(), k);
                if (want.stopped() == READ_WRITE) {
                    alone(want.stoppedAs(READ), RWX & ~READ, k);
                    alone(want.stoppedAs(WRITE), RWX & ~WRITE, k);
                }
            }
        }
        long seen = 0;
        for (int k = 0; k < exits.size(); k++) {
            Exit want = exits.get(k);
            if ((seen >>> want.page() & 1) == 0) {
                seen |= 1L << want.page();
                if (full || random.nextInt(3) == 0) {
                    alone(want, 0, k);
                }
            }
        }
    }

    private void alone(Exit want, int rights, int k) {
        List<Exit> got = new ArrayList<>();
        m.begin(c.state, c.image, k & 1);
        open(want.page(), rights);
        int x =
                toEnd(e -> {
                    got.add(e);
                    open(e.page(), RWX);
                });
        String what = "access %d alone (rights %d)".formatted(k, rights);
        if (got.size() != 1 || !got.getFirst().equals(want)) {
            wrong(what, "exits " + got + ", expected " + want);
        }
        finish(what, x);
    }

    /** Everything protected; on the j-th exit a page opened before is closed again, once. */
    private void revoke(boolean full) {
        Random random = new Random(c.seed + 1);
        int times = full ? Math.min(4, exits.size() - 1) : Math.min(1, exits.size() - 1);
        for (int t = 0; t < times; t++) {
            int j = 1 + random.nextInt(exits.size() - 1);
            int closed = exits.get(random.nextInt(j)).page();
            int[] n = {0};
            m.begin(c.state, c.image, t & 1);
            m.rights.protect(0, SweepMachine.RAM, 0);
            int x =
                    toEnd(e -> {
                        open(e.page(), m.rights.rightsOf(Page.gfn(e.gpa())) | e.access());
                        if (n[0]++ == j && closed != e.page()) {
                            open(closed, 0);
                        }
                    });
            finish("page %x revoked at exit %d".formatted(closed, j), x);
        }
    }

    /** Three instructions, everything protected again before each. */
    private void again() {
        int steps = 3;
        m.begin(c.state, c.image, 0);
        int x = VcpuLoop.EXIT_REQUEST;
        for (int i = 0; i < steps && x == VcpuLoop.EXIT_REQUEST; i++) {
            x = m.engine.step();
        }
        SweepState last = SweepState.of(m.v);
        List<String> log = List.copyOf(m.log);
        MemorySegment.copy(m.ram, 0, after, 0, SweepMachine.RAM);
        m.begin(c.state, c.image, 1);
        int y = VcpuLoop.EXIT_REQUEST;
        for (int i = 0; i < steps && y == VcpuLoop.EXIT_REQUEST; i++) {
            m.rights.protect(0, SweepMachine.RAM, 0);
            y = step(e -> open(e.page(), RWX));
        }
        finish("protected before each", y, x, last, log);
    }

    // ---- running

    interface OnExit {
        void stopped(Exit e);
    }

    private void open(int page, int rights) {
        m.rights.protectPage(page, rights);
    }

    /** One step of the engine, however many exits it takes. */
    private int step(OnExit on) {
        for (int n = 0; n < LIMIT; n++) {
            int x = m.engine.step();
            if (x != VcpuLoop.EXIT_FAULT) {
                return x;
            }
            stops++;
            if (on == null) {
                wrong("unprotected", "exit " + exit());
                return x;
            }
            on.stopped(exit());
        }
        wrong("run", "more than " + LIMIT + " exits");
        return VcpuLoop.EXIT_FAULT;
    }

    private Exit exit() {
        PendingFault f = m.v.fault;
        return new Exit(
                f.access & RWX,
                f.stopped,
                f.origin,
                f.gpa,
                f.length,
                (f.access & PendingFault.GVA_VALID) != 0 ? f.gva : -1,
                f.accessLength,
                (f.access & PendingFault.FINAL_ACCESS) == 0);
    }

    /** Runs the case's instruction, all repetitions of it. */
    private int toEnd(OnExit on) {
        runs++;
        int x = 0;
        for (int i = 0; i < MAX_STEPS; i++) {
            x =
                    step(
                            on == null
                                    ? null
                                    : e -> {
                                        check(e);
                                        on.stopped(e);
                                    });
            boolean goesOn =
                    c.repeated
                            && x == VcpuLoop.EXIT_REQUEST
                            && m.v.rip == c.start
                            && m.v.instructions == 0
                            && m.v.segSel[1] == c.mode.codeSelector();
            if (!goesOn) {
                return x;
            }
        }
        return x;
    }

    private void wrong(String what, String text) {
        if (wrong.length() < 2000) {
            wrong.append("\n  ").append(what).append(": ").append(text);
        }
    }

    // ---- checks

    /** At an exit: the record is right, and nothing has changed. */
    private void check(Exit e) {
        PendingFault f = m.v.fault;
        if (f.kind != PendingFault.PROTECTED) {
            wrong("exit", "kind " + f.kind);
        }
        int had = m.rights.rightsOf(Page.gfn(f.gpa));
        if (f.stopped != (e.access() & ~had)
                || f.stopped == 0
                || (f.access >> PendingFault.ALLOWED_SHIFT & RWX) != had
                || Integer.bitCount(e.access()) != 1 && e.access() != READ_WRITE) {
            wrong("exit", "%s with rights %d, recorded %x".formatted(e, had, f.access));
        }
        bytes(e, f);
        if (f.hva != m.ram.address() + f.gpa) {
            wrong("exit", e + " hva");
        }
        if (e.walk() != (e.origin() == FaultOrigin.PAGE_WALK)) {
            wrong("exit", e + " final bit");
        }
        if (!e.walk() && e.gva() >= 0 && paged() && (e.gva() ^ 0x1000) != e.gpa()) {
            wrong("exit", e + " gva is not at gpa");
        }
        unchanged(e);
    }

    /** The told bytes are those of the access on this page. */
    private void bytes(Exit e, PendingFault f) {
        boolean crosses = f.accessLength > f.length;
        boolean begins = f.accessOffset == 0;
        boolean ends = f.accessOffset + f.length == f.accessLength;
        if (f.length < 1
                || (f.gpa & 0xFFF) + f.length > 0x1000
                || crosses && !begins && (f.gpa & 0xFFF) != 0
                || crosses && !ends && (f.gpa + f.length & 0xFFF) != 0
                || !e.walk() && e.gva() >= 0 && (int) (f.gva - f.accessGva) != f.accessOffset) {
            wrong("exit", "%s, %d bytes before".formatted(e, f.accessOffset));
        }
    }

    private boolean paged() {
        return c.mode != SweepMode.REAL
                && m.v.cr0 < 0x1_0000_0000L
                && (m.v.cr0 & 0x8000_0000L) != 0;
    }

    private void unchanged(Exit e) {
        SweepState now = SweepState.of(m.v);
        if (now.values[SweepState.PENDING] >= 0) {
            // Another vector: delivering the first raised it.
            if (pendingState == null
                    || pendingState.values[SweepState.PENDING] != now.values[SweepState.PENDING]) {
                pendingState = now;
            } else {
                String d = now.difference(pendingState, SweepState.CR2);
                if (!d.isEmpty()) {
                    wrong("stopped delivery at " + e, d);
                }
            }
            now = now.copy();
            now.values[SweepState.PENDING] = -1;
            now.values[SweepState.CR2] = c.state.values[SweepState.CR2];
            if (now.values[SweepState.PENDING + 2] == NMI) {
                now.values[SweepState.NMI_BLOCKED] = 0; // it was taken
            }
            if (IN_PARTS.contains(c.entry.mnemonic)) {
                return;
            }
        }
        if (m.v.fault.rip != m.v.rip) {
            wrong("exit", "%s rip %x, vCPU at %x".formatted(e, m.v.fault.rip, m.v.rip));
        }
        String d = now.difference(c.state);
        String mem = memory(c.image);
        if (d.isEmpty() && mem.isEmpty()) {
            return;
        }
        if (!c.repeated || !prefix(now)) {
            wrong("state at exit " + e, d + mem);
        }
    }

    /**
     * Whether a stopped repetition stands at the end of an iteration: as one that was to do only so
     * many.
     */
    private boolean prefix(SweepState now) {
        long before = c.state.values[RCX] & c.addressMask;
        long left = now.values[RCX] & c.addressMask;
        if (left >= before) {
            return false;
        }
        byte[] memory = m.ram.toArray(ValueLayout.JAVA_BYTE);
        List<String> log = List.copyOf(m.log);
        SweepState shorter = c.state.copy();
        shorter.values[RCX] = c.state.values[RCX] & ~c.addressMask | before - left;
        SweepMachine other = spare();
        other.begin(shorter, c.image, 0);
        int x = 0;
        for (int i = 0; i < MAX_STEPS && x != -1; i++) {
            x = other.engine.step();
            if (other.v.instructions != 0 || other.v.rip != c.start) {
                break;
            }
        }
        SweepState then = SweepState.of(other.v);
        // CMPS and SCAS: SDM 2B, "REP/REPE/REPZ/REPNE/REPNZ", has EFLAGS of before the instruction.
        boolean flags = now.values[SweepState.FLAGS] == c.state.values[SweepState.FLAGS];
        String d =
                then.difference(
                        now,
                        RCX,
                        SweepState.RIP,
                        SweepState.INSTRUCTIONS,
                        SweepState.PENDING,
                        // an access that is stopped within a chunk is made before any event
                        SweepState.REPEATING,
                        flags ? SweepState.FLAGS : RCX);
        boolean same =
                d.isEmpty()
                        && equal(MemorySegment.ofArray(memory), other.ram)
                        && log.equals(other.log);
        if (!same) {
            wrong("repetition after " + (before - left), d + log + " / " + other.log);
        }
        return same;
    }

    private SweepMachine spare;

    private SweepMachine spare() {
        if (spare == null) {
            spare = new SweepMachine(engines);
        }
        return spare;
    }

    private void finish(String what, int x) {
        finish(what, x, endExit, end, endLog);
    }

    private void finish(String what, int x, int wantedExit, SweepState wanted, List<String> log) {
        if (x != wantedExit) {
            wrong(what, "ends with exit " + x + ", expected " + wantedExit);
        }
        String d = SweepState.of(m.v).difference(wanted) + memory(after);
        if (!m.log.equals(log)) {
            d += "device log " + m.log + ", expected " + log;
        }
        if (!d.isEmpty()) {
            wrong(what, d);
        }
    }

    /** How RAM differs from {@code expected}, accessed and dirty bits aside. */
    private String memory(MemorySegment expected) {
        long at = m.ram.mismatch(expected);
        if (at < 0 || equal(m.ram, expected)) {
            return "";
        }
        if (at >= SweepMachine.TABLES && at < SweepMachine.TABLES_END) {
            return "memory differs; ";
        }
        return "memory at %x: %x expected %x; "
                .formatted(
                        at,
                        m.ram.get(ValueLayout.JAVA_BYTE, at),
                        expected.get(ValueLayout.JAVA_BYTE, at));
    }

    /** Accessed and dirty bits of paging structures aside. */
    static boolean equal(MemorySegment a, MemorySegment b) {
        int t = SweepMachine.TABLES;
        int e = SweepMachine.TABLES_END;
        if (MemorySegment.mismatch(a, 0, t, b, 0, t) >= 0
                || MemorySegment.mismatch(a, e, SweepMachine.RAM, b, e, SweepMachine.RAM) >= 0) {
            return false;
        }
        for (int i = t; i < e; i += 4) {
            int x =
                    a.get(ValueLayout.JAVA_INT_UNALIGNED, i)
                            ^ b.get(ValueLayout.JAVA_INT_UNALIGNED, i);
            if ((x & ~0x60) != 0) {
                return false;
            }
        }
        return true;
    }
}
