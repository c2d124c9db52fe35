// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import org.junit.jupiter.api.Nested;

/** What every engine has to do, by the interpreter. */
class InterpreterTest {
    private static final InterpreterFactory ENGINES = new InterpreterFactory();

    @Nested
    class Code extends CodeContract {
        Code(String style) {
            super(ENGINES, style);
        }
    }

    @Nested
    class CodeMapping extends CodeMappingContract {
        CodeMapping(String style) {
            super(ENGINES, style);
        }
    }

    @Nested
    class Boundary extends BoundaryContract {
        Boundary(String style, boolean stepped) {
            super(ENGINES, style, stepped);
        }
    }

    @Nested
    class DebugTraps extends DebugTrapsContract {
        DebugTraps(String style) {
            super(ENGINES, style);
        }
    }

    @Nested
    class LockedAccess extends LockedAccessContract {
        LockedAccess() {
            super(ENGINES);
        }
    }

    @Nested
    class RunAgainstStep extends RunAgainstStepContract {
        RunAgainstStep() {
            super(ENGINES);
        }
    }

    @Nested
    class SharedCode extends SharedCodeContract {
        SharedCode(String style) {
            super(ENGINES, style);
        }
    }
}
