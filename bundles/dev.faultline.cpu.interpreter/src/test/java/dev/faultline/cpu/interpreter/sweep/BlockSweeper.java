// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.sweep;

import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.cpu.x86.run.UndefinedFlags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Runs a {@link SweepProgram} to its end in all regimes, one instruction at a time and in blocks of
 * decoded instructions, in both styles: the exits, the state and the memory at each of them, and
 * the end must be the same; and the end that of the undisturbed run.
 */
final class BlockSweeper {
    private static final int RWX = 7;

    /** More exits than any program has. */
    private static final int LIMIT = 2000;

    /** Instructions of a program, repetitions counted; longer ones are left out. */
    private static final int LONGEST = 400;

    private static final int CODED = 0;

    /** What a regime does at an exit, to get on. */
    private interface Regime {
        /** Before the first instruction. */
        void begin();

        void stopped(PendingFault f);
    }

    private final SweepMachine m;
    private final Trace model = new Trace();
    private final Trace other = new Trace();
    private SweepCase c;
    private final StringBuilder wrong = new StringBuilder();

    long runs;
    long stops;

    /** Programs left out because they do not end. */
    int endless;

    /** Those left out because what they do depends on flags that are undefined. */
    int undefined;

    private final boolean exact;
    private final UndefinedFlags flags;

    /**
     * @param exact the engine's blocks leave undefined flags as its single steps do
     */
    BlockSweeper(SweepMachine m, boolean exact) {
        this.m = m;
        this.exact = exact;
        flags = new UndefinedFlags(m.v, CodeBytes.of(m.v, m.memory));
    }

    /** What one run did: state and memory at each exit and at the end. */
    private static final class Trace {
        final List<String> exits = new ArrayList<>();
        final List<SweepState> states = new ArrayList<>();

        /** Flags that are undefined there. */
        final List<Integer> undefined = new ArrayList<>();

        final List<Integer> memory = new ArrayList<>();
        final MemorySegment end = Arena.ofAuto().allocate(SweepMachine.RAM, 4096);
        int exit;
        List<String> log;

        void clear() {
            exits.clear();
            states.clear();
            undefined.clear();
            memory.clear();
        }

        void at(SweepMachine m, String exit, int undefinedFlags) {
            exits.add(exit);
            states.add(SweepState.of(m.v));
            undefined.add(undefinedFlags);
            memory.add(hash(m.ram));
        }

        private static int hash(MemorySegment s) {
            return s.asByteBuffer()
                    .order(java.nio.ByteOrder.nativeOrder())
                    .asLongBuffer()
                    .hashCode();
        }
    }

    /** Returns what differs, or an empty string. */
    String sweep(SweepCase instance, SweepProgram program, boolean full) {
        c = instance;
        wrong.setLength(0);
        int vector = m.vector;
        if (program.pendingVector() >= 0) {
            m.vector = program.pendingVector();
        }
        try {
            if (!run(free(), true, CODED, model)) {
                endless++;
                return "";
            }
            if (flags.used()) {
                undefined++;
                return "";
            }
            SweepState end = model.states.getLast();
            MemorySegment ram = Arena.ofAuto().allocate(SweepMachine.RAM, 4096);
            ram.copyFrom(model.end);
            List<String> log = model.log;
            if (!model.exits.getFirst().equals("end")) {
                wrong("unprotected", "exit " + model.exits.getFirst());
            }
            compare("unprotected", free());
            List<Integer> pages = new ArrayList<>();
            compare("grant on exit", new Grant(pages));
            same("grant on exit", end, ram, log);
            compare("protected before each", new Before());
            same("protected before each", end, ram, log);
            Random random = new Random(c.seed);
            int times = full ? 3 : 1;
            for (int i = 0; i < times && pages.size() > 1; i++) {
                int j = 1 + random.nextInt(pages.size() - 1);
                compare("revoked", new Revoke(j, pages.get(random.nextInt(j))));
                same("revoked", end, ram, log);
                int page = pages.get(random.nextInt(pages.size()));
                compare("page %x alone".formatted(page), new Alone(page, random.nextInt(7)));
                same("page %x alone".formatted(page), end, ram, log);
            }
        } finally {
            m.vector = vector;
        }
        return wrong.toString();
    }

    // ---- regimes
    private Regime free() {
        return new Regime() {
            @Override
            public void begin() {}

            @Override
            public void stopped(PendingFault f) {
                open(f, RWX); // told by the exit that the trace has
            }
        };
    }

    private void open(PendingFault f, int rights) {
        m.rights.protectPage(f.gpa >>> 12, rights);
    }

    private void grant(PendingFault f) {
        open(f, m.rights.rightsOf(Page.gfn(f.gpa)) | f.access & RWX);
    }

    private void closeAll() {
        m.rights.protect(0, SweepMachine.RAM, 0);
    }

    /** Everything protected; each exit opens exactly what it stopped. */
    private final class Grant implements Regime {
        private final List<Integer> pages;

        Grant(List<Integer> pages) {
            this.pages = pages;
        }

        @Override
        public void begin() {
            pages.clear();
            closeAll();
        }

        @Override
        public void stopped(PendingFault f) {
            pages.add((int) (f.gpa >>> 12));
            grant(f);
        }
    }

    /** Everything protected again at the first exit of each instruction. */
    private final class Before implements Regime {
        private long rip;
        private long instructions;
        private int pending;

        @Override
        public void begin() {
            instructions = -1;
            closeAll();
        }

        @Override
        public void stopped(PendingFault f) {
            if (instructions != m.v.instructions
                    || rip != m.v.rip
                    || pending != m.v.pendingVector) {
                instructions = m.v.instructions;
                rip = m.v.rip;
                pending = m.v.pendingVector;
                closeAll();
            }
            grant(f);
        }
    }

    /** Everything protected; on the j-th exit a page opened before is closed again, once. */
    private final class Revoke implements Regime {
        private final int at;
        private final int page;
        private int n;

        Revoke(int at, int page) {
            this.at = at;
            this.page = page;
        }

        @Override
        public void begin() {
            n = 0;
            closeAll();
        }

        @Override
        public void stopped(PendingFault f) {
            grant(f);
            if (n++ == at && page != f.gpa >>> 12) {
                m.rights.protectPage(page, 0);
            }
        }
    }

    private final class Alone implements Regime {
        private final int page;
        private final int rights;

        Alone(int page, int rights) {
            this.page = page;
            this.rights = rights;
        }

        @Override
        public void begin() {
            m.rights.protectPage(page, rights);
        }

        @Override
        public void stopped(PendingFault f) {
            grant(f);
        }
    }

    // ---- running
    /** One run; false if it does not end. */
    private boolean run(Regime regime, boolean step, int style, Trace trace) {
        runs++;
        trace.clear();
        m.begin(c.state, c.image, style);
        flags.clear();
        regime.begin();
        for (int steps = 0; trace.exits.size() < LIMIT; steps++) {
            if (step && steps > LONGEST + trace.exits.size()) {
                return false;
            }
            int x = step ? step() : m.engine.run();
            if (x == VcpuLoop.EXIT_FAULT) {
                stops++;
                PendingFault f = m.v.fault;
                trace.at(
                        m,
                        "kind %d access %x origin %s gpa %x gva %x hva %x rip %x"
                                .formatted(
                                        f.kind,
                                        f.access,
                                        f.origin,
                                        f.gpa,
                                        (f.access & PendingFault.GVA_VALID) != 0 ? f.gva : -1,
                                        f.hva - m.ram.address(),
                                        f.rip),
                        flags.now());
                regime.stopped(f);
            } else if (!step || x != VcpuLoop.EXIT_REQUEST) {
                trace.exit = x;
                trace.at(m, "end", flags.now());
                trace.log = List.copyOf(m.log);
                trace.end.copyFrom(m.ram);
                return true;
            }
        }
        return false;
    }

    private int step() {
        if (exact) {
            return m.engine.step();
        }
        flags.before();
        int x = m.engine.step();
        flags.after(x);
        return x;
    }

    /** The regime step by step, and in blocks in both styles. */
    private void compare(String what, Regime regime) {
        if (!run(regime, true, (int) (c.seed & 1), model)) {
            wrong(what, "step by step it does not end");
            return;
        }
        for (int style = 0; style < 2; style++) {
            String how = what + (style == CODED ? ", coded" : ", thrown");
            if (!run(regime, false, style, other)) {
                wrong(how, "in blocks it does not end");
                continue;
            }
            int n = Math.min(model.exits.size(), other.exits.size());
            for (int i = 0; i < n; i++) {
                String d =
                        other.states
                                .get(i)
                                .but(SweepState.FLAGS, model.undefined.get(i), model.states.get(i))
                                .difference(model.states.get(i));
                if (!other.exits.get(i).equals(model.exits.get(i))) {
                    d += other.exits.get(i) + ", expected " + model.exits.get(i);
                }
                if (!other.memory.get(i).equals(model.memory.get(i))) {
                    d += " memory differs";
                }
                if (!d.isEmpty()) {
                    wrong(how, "exit %d: %s".formatted(i, d));
                    break;
                }
            }
            if (model.exits.size() != other.exits.size()) {
                wrong(
                        how,
                        "%d exits, expected %d".formatted(other.exits.size(), model.exits.size()));
            }
            if (other.exit != model.exit || !other.log.equals(model.log)) {
                wrong(
                        how,
                        "end %d %s, expected %d %s"
                                .formatted(other.exit, other.log, model.exit, model.log));
            }
        }
    }

    /** The last run ended as the undisturbed one. */
    private void same(String what, SweepState end, MemorySegment ram, List<String> log) {
        String d = model.states.getLast().difference(end);
        if (!Sweeper.equal(model.end, ram)) {
            d += " memory differs from the undisturbed run's";
        }
        if (!model.log.equals(log)) {
            d += " device log " + model.log + ", expected " + log;
        }
        if (!d.isEmpty()) {
            wrong(what, d);
        }
    }

    private void wrong(String what, String text) {
        if (wrong.length() < 2000) {
            wrong.append("\n  ").append(what).append(": ").append(text);
        }
    }
}
