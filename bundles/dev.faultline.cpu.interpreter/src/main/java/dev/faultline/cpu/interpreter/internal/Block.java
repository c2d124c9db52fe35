// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.cpu.x86.Op;

/**
 * A straight run of decoded instructions inside one page. Of one vCPU.
 *
 * <p>One class per length, written out, because of what HotSpot makes of it: between two calls only
 * {@code this} and the context are alive, and each place of call has its own profile. A loop over
 * an array spills and reloads all its variables around every call.
 */
abstract class Block {
    /** Most Ops in one class; longer blocks are made of parts. */
    static final int PART = 8;

    /** Page offset of the first byte, and of the first byte after the last instruction. */
    final int start;

    final int end;

    Block(int start, int end) {
        this.start = start;
        this.end = end;
    }

    private Block(Op[] ops, int from, int to) {
        this(ops[from].start, ops[to - 1].end);
    }

    /**
     * Runs the block. At any time {@code v.engineIndex} is the index of the running Op in {@link
     * #current}, and {@code v.instructions} plus that is the number of instructions before it.
     *
     * @return that Op's result
     */
    abstract int run(VcpuContext v);

    /** What is running, or ran last: the block or a part of it. */
    Block current() {
        return this;
    }

    /** Op {@code i}, for a block without parts. */
    abstract Op op(int i);

    /** Page offset of the instruction that Op {@code i} was left at, for a block without parts. */
    int left(int i) {
        return op(i).left().start;
    }

    /** A block of {@code n} Ops. */
    static Block of(Op[] ops, int n) {
        if (n <= PART) {
            return part(ops, 0, n);
        }
        Block[] parts = new Block[(n + PART - 1) / PART];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = part(ops, i * PART, Math.min(n, (i + 1) * PART));
        }
        return new Chain(parts, ops[0].start, ops[n - 1].end);
    }

    private static Block part(Op[] ops, int from, int to) {
        return switch (to - from) {
            case 1 -> new One(ops, from);
            case 2 -> new Two(ops, from);
            case 3 -> new Three(ops, from);
            case 4 -> new Four(ops, from);
            case 5 -> new Five(ops, from);
            case 6 -> new Six(ops, from);
            case 7 -> new Seven(ops, from);
            default -> new Eight(ops, from);
        };
    }

    private static final class Chain extends Block {
        private final Block[] parts;
        private int at;

        Chain(Block[] parts, int start, int end) {
            super(start, end);
            this.parts = parts;
        }

        @Override
        int run(VcpuContext v) {
            for (int i = 0; ; i++) {
                at = i;
                int s = parts[i].run(v);
                if (s != Op.NEXT || i == parts.length - 1) {
                    return s;
                }
                v.instructions += PART;
            }
        }

        @Override
        Block current() {
            return parts[at];
        }

        @Override
        Op op(int i) {
            throw new IllegalStateException("a chain has no Ops of its own");
        }
    }

    private static final class One extends Block {
        private final Op a;

        One(Op[] ops, int at) {
            super(ops, at, at + 1);
            a = ops[at];
        }

        @Override
        int run(VcpuContext v) {
            v.engineIndex = 0;
            return a.execute(v);
        }

        @Override
        Op op(int i) {
            return a;
        }
    }

    private static final class Two extends Block {
        private final Op a, b;

        Two(Op[] ops, int at) {
            super(ops, at, at + 2);
            a = ops[at];
            b = ops[at + 1];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            return b.execute(v);
        }

        @Override
        Op op(int i) {
            return switch (i) {
                case 0 -> a;
                default -> b;
            };
        }
    }

    private static final class Three extends Block {
        private final Op a, b, c;

        Three(Op[] ops, int at) {
            super(ops, at, at + 3);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            return c.execute(v);
        }

        @Override
        Op op(int i) {
            return switch (i) {
                case 0 -> a;
                case 1 -> b;
                default -> c;
            };
        }
    }

    private static final class Four extends Block {
        private final Op a, b, c, d;

        Four(Op[] ops, int at) {
            super(ops, at, at + 4);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            return d.execute(v);
        }

        @Override
        Op op(int i) {
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

        Five(Op[] ops, int at) {
            super(ops, at, at + 5);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            return e.execute(v);
        }

        @Override
        Op op(int i) {
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

        Six(Op[] ops, int at) {
            super(ops, at, at + 6);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
            f = ops[at + 5];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            return f.execute(v);
        }

        @Override
        Op op(int i) {
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

        Seven(Op[] ops, int at) {
            super(ops, at, at + 7);
            a = ops[at];
            b = ops[at + 1];
            c = ops[at + 2];
            d = ops[at + 3];
            e = ops[at + 4];
            f = ops[at + 5];
            g = ops[at + 6];
        }

        @Override
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            if ((s = f.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 6;
            return g.execute(v);
        }

        @Override
        Op op(int i) {
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

        Eight(Op[] ops, int at) {
            super(ops, at, at + 8);
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
        int run(VcpuContext v) {
            int s;
            v.engineIndex = 0;
            if ((s = a.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 1;
            if ((s = b.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 2;
            if ((s = c.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 3;
            if ((s = d.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 4;
            if ((s = e.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 5;
            if ((s = f.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 6;
            if ((s = g.execute(v)) != Op.NEXT) {
                return s;
            }
            v.engineIndex = 7;
            return h.execute(v);
        }

        @Override
        Op op(int i) {
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
