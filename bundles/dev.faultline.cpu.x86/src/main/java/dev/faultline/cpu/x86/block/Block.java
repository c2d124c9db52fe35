// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.op.Op;
import dev.faultline.cpu.x86.state.Outcome;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A straight run of decoded instructions inside one page. Of one vCPU.
 *
 * <p>One class per length, written out, because of what HotSpot makes of it: between two calls only
 * {@code this} and the context are alive, and each place of call has its own profile. A loop over
 * an array spills and reloads all its variables around every call.
 */
public abstract class Block {
    /** Most Ops in one class; longer blocks are made of parts. */
    public static final int PART = 8;

    /** Page offset of the first byte, and of the first byte after the last instruction. */
    public final int start;

    public final int end;

    /** Of an engine that has something faster for blocks: how often this one was run. */
    public int heat;

    /** What that engine has for it. */
    public @Nullable Object compiled;

    private boolean plain = true;

    /** Page offsets of the instructions, and of what follows the last one. */
    private final char[] offsets;

    Block(char[] offsets) {
        start = offsets[0];
        end = offsets[offsets.length - 1];
        this.offsets = offsets;
    }

    private Block(char[] offsets, int from, int to) {
        this(Arrays.copyOfRange(offsets, from, to + 1));
    }

    /**
     * Runs the block. At any time {@code v.engineIndex} is the index of the running Op in {@link
     * #current}, and {@code v.instructions} plus that is the number of instructions before it.
     *
     * @return that Op's result
     */
    public abstract int run(VcpuContext v);

    /**
     * Runs the first {@code n} instructions, one or more and not more than there are, as {@link
     * #run(VcpuContext)} runs all.
     */
    int run(VcpuContext v, int n) {
        int s = Outcome.NEXT;
        for (int i = 0; i < n && s == Outcome.NEXT; i++) {
            v.engineIndex = i;
            s = op(i).execute(v);
        }
        return s;
    }

    /** How many instructions it has. */
    int count() {
        return offsets.length - 1;
    }

    /** Whether its instructions are decoded once. */
    public final boolean plain() {
        return plain;
    }

    final void setPlain(boolean is) {
        plain = is;
    }

    /**
     * Where instruction {@code i} of the whole block is: Op {@code i} modulo {@link #PART} of this.
     */
    public Block part(int i) {
        return this;
    }

    /** What is running, or ran last: the block or a part of it. */
    Block current() {
        return this;
    }

    /** Op {@code i}, for a block without parts. */
    public abstract Op op(int i);

    /** Page offset of instruction {@code i}, for a block without parts. */
    public int startOf(int i) {
        return offsets[i];
    }

    /** Page offset of what follows instruction {@code i}, for a block without parts. */
    int endOf(int i) {
        return offsets[i + 1];
    }

    /**
     * A block of {@code n} Ops.
     *
     * @param offsets page offsets of the instructions, and of what follows the last one
     */
    static Block of(Op[] ops, char[] offsets, int n) {
        if (n <= PART) {
            return part(ops, offsets, 0, n);
        }
        Block[] parts = new Block[(n + PART - 1) / PART];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = part(ops, offsets, i * PART, Math.min(n, (i + 1) * PART));
        }
        return new Chain(parts, new char[] {offsets[0], offsets[n]});
    }

    private static Block part(Op[] ops, char[] offsets, int from, int to) {
        return switch (to - from) {
            case 1 -> new One(ops, offsets, from);
            case 2 -> new Two(ops, offsets, from);
            case 3 -> new Three(ops, offsets, from);
            case 4 -> new Four(ops, offsets, from);
            case 5 -> new Five(ops, offsets, from);
            case 6 -> new Six(ops, offsets, from);
            case 7 -> new Seven(ops, offsets, from);
            default -> new Eight(ops, offsets, from);
        };
    }

    private static final class Chain extends Block {
        private final Block[] parts;
        private int at;

        Chain(Block[] parts, char[] offsets) {
            super(offsets);
            this.parts = parts;
        }

        @Override
        public int run(VcpuContext v) {
            for (int i = 0; ; i++) {
                at = i;
                int s = parts[i].run(v);
                if (s != Outcome.NEXT || i == parts.length - 1) {
                    return s;
                }
                v.instructions += PART;
            }
        }

        @Override
        int run(VcpuContext v, int n) {
            int left = n;
            for (int i = 0; ; i++) {
                at = i;
                int s = parts[i].run(v, Math.min(left, PART));
                left -= PART;
                if (s != Outcome.NEXT || left <= 0) {
                    return s;
                }
                v.instructions += PART;
            }
        }

        @Override
        int count() {
            int last = parts.length - 1;
            return last * PART + parts[last].count();
        }

        @Override
        Block current() {
            return parts[at];
        }

        @Override
        public Block part(int i) {
            return parts[i / PART];
        }

        @Override
        public Op op(int i) {
            throw new IllegalStateException("a chain has no Ops of its own");
        }
    }

    private static final class One extends Block {
        private final Op a;

        One(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 1);
            a = ops[at];
        }

        @Override
        public int run(VcpuContext v) {
            v.engineIndex = 0;
            return a.execute(v);
        }

        @Override
        public Op op(int i) {
            return a;
        }
    }

    private static final class Two extends Block {
        private final Op a, b;

        Two(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 2);
            a = ops[at];
            b = ops[at + 1];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            return b.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                default -> b;
            };
        }
    }

    private static final class Three extends Block {
        private final Op a, b, c;

        Three(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 3);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            return c.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                default -> c;
            };
        }
    }

    private static final class Four extends Block {
        private final Op a, b, c, d;

        Four(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 4);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            return d.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                case 2 -> c;
                default -> d;
            };
        }
    }

    private static final class Five extends Block {
        private final Op a, b, c, d, e;

        Five(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 5);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            return e.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                case 2 -> c;
                case 3 -> d;
                default -> e;
            };
        }
    }

    private static final class Six extends Block {
        private final Op a, b, c, d, e, f;

        Six(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 6);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
            f = ops[at + 5];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            return f.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                case 2 -> c;
                case 3 -> d;
                case 4 -> e;
                default -> f;
            };
        }
    }

    private static final class Seven extends Block {
        private final Op a, b, c, d, e, f, g;

        Seven(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 7);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
            f = ops[at + 5];
            g = ops[at + 6];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            if ((s = f.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 6;
            return g.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                case 2 -> c;
                case 3 -> d;
                case 4 -> e;
                case 5 -> f;
                default -> g;
            };
        }
    }

    private static final class Eight extends Block {
        private final Op a, b, c, d, e, f, g, h;

        Eight(Op[] ops, char[] offsets, int at) {
            super(offsets, at, at + 8);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
            f = ops[at + 5];
            g = ops[at + 6];
            h = ops[at + 7];
        }

        @Override
        public int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            if ((s = f.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 6;
            if ((s = g.execute(v)) != Outcome.NEXT) {
                return s;
            }
            v.engineIndex = 7;
            return h.execute(v);
        }

        @Override
        public Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                case 2 -> c;
                case 3 -> d;
                case 4 -> e;
                case 5 -> f;
                case 6 -> g;
                default -> h;
            };
        }
    }
}
