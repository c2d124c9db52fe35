// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Page;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.cpu.translator.lockstep.LockStep;
import dev.faultline.cpu.x86.block.Block;
import dev.faultline.cpu.x86.block.BlockEngine;
import dev.faultline.cpu.x86.block.Limits;
import dev.faultline.cpu.x86.decode.Decoder;
import dev.faultline.cpu.x86.op.Decoded;
import dev.faultline.cpu.x86.state.Outcome;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Interprets what runs seldom, and translates blocks of 64-bit code that run often into code of the
 * host. On the vCPU's thread.
 *
 * <p>Generated code executes an instruction only if its access hits; for a miss, and for what is
 * not translated, it leaves at the instruction's boundary, the interpreter executes that one
 * instruction, and generated code goes on behind it. So everything that can stop an access is where
 * it always was.
 *
 * <p>Nothing generated outlives what it was derived from: it belongs to a {@link Block} and is
 * found through it, or through jumps. Those are forgotten with every flush of translations; what
 * they lead to leaves at once when its code has changed.
 */
final class TranslatingEngine extends BlockEngine {
    /** Translations of one block: shared code stands at another address in every process. */
    private static final int VARIANTS = 4;

    private static final int RSP = 4;

    /** Of a block that is not to be tried again. */
    private static final int NEVER = Integer.MIN_VALUE;

    private final NativeCode code;
    private final StateBlock state;
    private final Writer writer;
    private final Forms forms;
    private final Decoder decoder = new Decoder();
    private final byte[] bytes = new byte[Limits.LONGEST_BLOCK * Decoder.MAX_LENGTH];
    private final byte[] one = new byte[Decoder.MAX_LENGTH];

    /** Those of the block that is translated. */
    private final Decoded[] instructions = new Decoded[Limits.LONGEST_BLOCK];

    private final int threshold;

    /** Null: translations are executed as they were written. */
    private final @Nullable Guard guard;

    /** Null: what generated code did is believed. */
    private final @Nullable LockStep lockStep;

    private int generation;

    /** Flushes and drops of translations that the state block has followed. */
    private long flushes;

    /** Of those, how many left translations of global pages. */
    private long localFlushes;

    /** Of those, how many took the right to write only. */
    private long writeDrops;

    /** {@link #changes} that jumps have followed. */
    private long codeChanges;

    /** Instructions that generated code has executed. */
    private long generated;

    /** How often it was left. */
    private long left;

    /** Number of the jump that could be made to go straight to what runs next; -1: none. */
    private int link = -1;

    /** {@link #dropped} when {@link #link} was left. */
    private long linkFlushes;

    /** What runs next may be jumped to again. */
    private boolean jumped;

    /**
     * @param refused counts what the verifier refuses
     * @throws dev.faultline.api.platform.HostMemoryException if the host has no memory for it
     */
    TranslatingEngine(
            VcpuContext v, Options options, HostMemory host, HostCpu cpu, LongAdder refused) {
        super(v, Limits.DEFAULT);
        threshold = options.threshold();
        code = new NativeCode(host, options.codeBytes());
        try {
            state = new StateBlock(host);
        } catch (RuntimeException e) {
            code.close();
            throw e;
        }
        state.put(StateBlock.NOTICE, v.noticeHva);
        Arrays.setAll(instructions, i -> new Decoded());
        writer = new Writer(code, this::crosses);
        forms = new Forms(cpu, writer);
        guard = options.verify() ? new Guard(StateBlock.layout(code), refused) : null;
        lockStep = options.lockStep() ? new LockStep(v, state, this::interpret) : null;
    }

    @Override
    public void close() {
        super.close();
        if (lockStep != null) {
            lockStep.close();
        }
        state.close();
        code.close();
    }

    /** For tests: how many instructions generated code has executed. */
    long generated() {
        return generated;
    }

    /** For tests: how often generated code was left. */
    long left() {
        return left;
    }

    @Override
    protected int run(Block found) {
        Block b = found;
        if (!b.plain()) {
            v.engineIndex = 0;
            b = whole(found);
            if (b == null) {
                return Outcome.FAULT;
            }
        }
        follow();
        Translation t = find(b);
        if (t == null || !v.mayRun()) {
            link = -1;
            jumped = false;
            return b.run(v);
        }
        connect(t);
        return execute(t);
    }

    // ---- finding and making translations

    private @Nullable Translation find(Block b) {
        int codeClass = CodeClass.of(v);
        for (Translation t = (Translation) b.compiled; t != null; t = t.next) {
            if (t.base == v.engineBase && t.codeClass == codeClass && t.generation == generation) {
                return t;
            }
        }
        if (v.codeBits != 64 || codeClass == CodeClass.NONE || !b.plain() || ++b.heat < threshold) {
            return null;
        }
        return translate(b, codeClass);
    }

    private @Nullable Translation translate(Block b, int codeClass) {
        if (!code.hasRoom()) {
            forget();
        }
        int count = decode(b);
        if (count == 0) {
            b.heat = NEVER;
            return null;
        }
        Translation t = new Translation(b, v.engineBase, codeClass, generation, count);
        countSegments(t);
        writer.begin(t);
        int written = 0;
        boolean goesOn = true;
        int at = 0;
        for (int i = 0; i < count; i++) {
            Decoded d = instructions[i];
            at += d.end;
            writer.instruction(i, v.engineBase + b.start + at);
            t.vectors |= Forms.mayChangeVectors(d) ? 1L << i : 0;
            if (forms.write(d)) {
                written++;
                goesOn = !Forms.leavesBlock(d);
            } else {
                t.left |= 1L << i;
                writer.leaveInstruction();
                goesOn = true;
            }
        }
        if (written == 0) {
            writer.abandon();
            b.heat = NEVER;
            return null;
        }
        if (goesOn) {
            writer.jump(v.engineBase + b.start + at);
        }
        writer.end();
        if (guard != null && !guard.accepts(writer.candidate(), t.base + b.start)) {
            writer.abandon();
            b.heat = NEVER;
            return null;
        }
        code.add(writer.a);
        t.next = current((Translation) b.compiled);
        b.compiled = t;
        return t;
    }

    /** A branch is the last instruction that is counted before it is known where it goes. */
    private void countSegments(Translation t) {
        t.segments = 1L << t.count - 1;
        for (int i = 0; i < t.count; i++) {
            if (Forms.branches(instructions[i])) {
                t.segments |= 1L << i;
            }
        }
    }

    /**
     * Without those that are gone, and so few that one can be added. What is left out is found no
     * more, not even when its code changes, so it is not executed any more.
     */
    private @Nullable Translation current(@Nullable Translation t) {
        if (t == null || t.generation != generation) {
            return null;
        }
        Translation last = t;
        for (int i = 2; i < VARIANTS && last.next != null; i++) {
            last = last.next;
        }
        drop(last.next);
        last.next = null;
        return t;
    }

    /**
     * Decodes the block's {@link #instructions}.
     *
     * @return how many there are; 0: they are no longer those that were decoded
     */
    private int decode(Block b) {
        int size = b.end - b.start;
        copyCode(b, bytes);
        int count = 0;
        for (int at = 0; at < size; count++) {
            int n = Math.min(Decoder.MAX_LENGTH, size - at);
            System.arraycopy(bytes, at, one, 0, n);
            if (count == instructions.length) {
                return 0;
            }
            int length = decoder.fields(one, n, 64, instructions[count]);
            if (length <= 0) {
                return 0;
            }
            at += length;
        }
        return count;
    }

    /**
     * Whether the instruction at a page offset, of the page that is executed, does not end in it.
     */
    private boolean crosses(int offset) {
        int n = Page.SIZE - offset;
        if (n >= Decoder.MAX_LENGTH) {
            return false;
        }
        HostBytes.copyOut(codeHva() + offset, one, 0, n);
        return decoder.length(one, n, 64) <= 0;
    }

    /** Jumps to what is gone are left as they are: what they lead to leaves at once. */
    private void drop(@Nullable Translation first) {
        for (Translation t = first; t != null; t = t.next) {
            if (t.generation == generation) {
                writer.exitOnly(t);
                if (guard != null && !guard.accepts(writer.candidate(), t.base + t.block.start)) {
                    throw new IllegalStateException("a way out and nothing else is refused");
                }
                code.replace(t.entry, writer.a);
            }
        }
    }

    /** All translations go: their memory is used again. */
    private void forget() {
        generation++;
        code.clear();
        if (guard != null) {
            guard.forget();
        }
        writer.exits.truncate(0);
        state.flushJumps(false);
        link = -1;
    }

    // ---- what generated code relies on

    private long dropped() {
        return v.tlbFlushes + v.tlbDrops + v.tlbLocalFlushes + v.tlbWriteDrops;
    }

    /** Nothing that is gone is used any more. */
    private void follow() {
        if (dropped() != flushes) {
            long local = v.tlbLocalFlushes - localFlushes;
            long writes = v.tlbWriteDrops - writeDrops;
            if (local + writes != dropped() - flushes) {
                state.flush(false);
            } else {
                if (local != 0) {
                    state.flush(true);
                }
                if (writes != 0) {
                    state.dropWritable();
                }
            }
            flushes = dropped();
            localFlushes = v.tlbLocalFlushes;
            writeDrops = v.tlbWriteDrops;
        }
        if (changes() != codeChanges) {
            codeChanges = changes();
            List<Block> gone = takeDropped();
            if (gone == null) {
                forget();
            } else {
                gone.forEach(b -> drop((Translation) b.compiled));
                state.flushCrossingJumps();
            }
        }
    }

    /** Whether generated code of {@code t} cannot simply go on. */
    private boolean isOver(Translation t) {
        return dropped() != flushes
                || changes() != codeChanges
                || CodeClass.of(v) != t.codeClass
                || t.generation != generation
                || !v.mayRun();
    }

    /** The jump that led here goes here at once the next time. */
    private void connect(Translation t) {
        long rip = t.base + t.block.start;
        if (link >= 0 && leadsTo(t, link, rip)) {
            code.patch(writer.exits.patch(link), t.entry);
        }
        if (jumped) {
            state.jump(t.codeClass, rip, t.entry, global(t), t.crosses());
        }
        link = -1;
        jumped = false;
    }

    private boolean leadsTo(Translation t, int exit, @Gva long rip) {
        Translation from = writer.exits.of(exit);
        return writer.exits.rip(exit) == rip
                && from.generation == generation
                && from.codeClass == t.codeClass
                && linkFlushes == flushes + codeChanges
                && !t.crosses() // where it goes on, another page may be
                && (guard == null || guard.acceptsLink(writer.exits.patch(exit), t.entry, rip));
    }

    private boolean global(Translation t) {
        return isGlobal(t.base) && (!t.crosses() || isGlobal(t.base + Page.SIZE));
    }

    // ---- running

    private int execute(Translation first) {
        long entry = first.entry;
        long rip = first.base + first.block.start;
        int counted = 0;
        boolean vectors = CodeClass.hasVectors(first.codeClass);
        if (vectors) {
            state.loadVectors(v);
        } else {
            state.defaultMxcsr();
        }
        for (; ; ) {
            if (lockStep != null) {
                lockStep.begin(rip);
            }
            state.load(v);
            state.put(StateBlock.COUNT, counted);
            state.put(StateBlock.ENTRY, entry);
            int e = code.enter(state.address);
            left++;
            state.store(v);
            if (vectors) {
                state.storeVectors(v);
            }
            long count = state.get(StateBlock.COUNT);
            Exit kind = kind(e);
            if (lockStep != null) {
                compare(lockStep, first, e, kind, count);
            }
            switch (kind) {
                case LINK -> {
                    link = e;
                    linkFlushes = flushes + codeChanges;
                    return jump(writer.exits.rip(e), count);
                }
                case POLL -> {
                    return jump(writer.exits.rip(e), count);
                }
                case GONE -> {
                    jumped = true;
                    return jump(writer.exits.rip(e), count);
                }
                case INDIRECT -> {
                    jumped = true;
                    return jump(state.get(StateBlock.LIN), count);
                }
                case POLL_INDIRECT -> {
                    return jump(state.get(StateBlock.LIN), count);
                }
                case INSTRUCTION, MISS -> {
                    Translation t = writer.exits.of(e);
                    int i = writer.exits.index(e);
                    count -= t.countedTo(i) - i;
                    generated += count;
                    v.instructions += count;
                    if (!admitted(e)) {
                        int s = interpret(t, i, kind == Exit.MISS);
                        if (s != GO_ON) {
                            return s;
                        }
                        i = resume;
                    }
                    counted = t.countedTo(i) - i;
                    entry = t.entry(i);
                    rip = ripOf(t, i);
                }
            }
        }
    }

    /**
     * Why generated code was left. An indirect jump to where nothing can be is put back to its
     * beginning.
     */
    private Exit kind(int e) {
        Exit kind = writer.exits.kind(e);
        boolean indirect = kind == Exit.INDIRECT || kind == Exit.POLL_INDIRECT;
        if (indirect && !VcpuContext.canonical(state.get(StateBlock.LIN))) {
            v.gpr[RSP] -= writer.exits.value(e);
            return Exit.INSTRUCTION;
        }
        return kind;
    }

    // ---- lock-step

    private static @Gva long ripOf(Translation t, int i) {
        return t.base + t.block.part(i).startOf(i % Block.PART);
    }

    /**
     * What has been executed since {@link LockStep#begin}; from there on as the interpreter did it.
     */
    private void compare(LockStep with, Translation first, int e, Exit kind, long count) {
        Translation t = writer.exits.of(e);
        int i = writer.exits.index(e);
        switch (kind) {
            case LINK, POLL, GONE -> with.check(first.base, writer.exits.rip(e), count);
            case INDIRECT, POLL_INDIRECT ->
                    with.check(first.base, state.get(StateBlock.LIN), count);
            case INSTRUCTION, MISS ->
                    with.check(first.base, ripOf(t, i), count - (t.countedTo(i) - i));
        }
        running(first.block);
    }

    /** Whether generated code is to try the instruction again, because lock-step held it back. */
    private boolean admitted(int e) {
        return lockStep != null
                && writer.exits.kind(e) == Exit.MISS
                && !isOver(writer.exits.of(e))
                && lockStep.admits(state.get(StateBlock.LIN));
    }

    /** Result of {@link #interpret}: generated code goes on at {@link #resume}. */
    private static final int GO_ON = 100;

    private int resume;

    private int jump(long rip, long count) {
        generated += count;
        v.instructions += count - 1; // and the one that ran last
        v.engineIndex = 0;
        v.rip = rip;
        return Outcome.JUMP;
    }

    /**
     * Executes instruction {@code from} and those after it that are left to the interpreter; {@code
     * v.instructions} is the number of those before it.
     */
    private int interpret(Translation t, int from, boolean miss) {
        long lin = state.get(StateBlock.LIN);
        v.engineBase = t.base;
        for (int i = from; ; ) {
            Block part = t.block.part(i);
            int at = i % Block.PART;
            running(part);
            v.engineIndex = at;
            v.instructions -= at;
            int s = part.op(at).execute(v);
            if (miss && i == from && s >= 0 && dropped() == flushes) {
                state.fill(v, lin, lockStep == null);
            }
            if (t.mayChangeVectors(i) && CodeClass.hasVectors(t.codeClass)) {
                state.loadVectors(v);
            }
            if (s != Outcome.NEXT) {
                jumped = s == Outcome.JUMP;
                return s;
            }
            i++;
            if (i == t.count || isOver(t)) {
                return s;
            }
            v.instructions += at + 1;
            if (!t.isLeft(i)) {
                resume = i;
                return GO_ON;
            }
        }
    }
}
