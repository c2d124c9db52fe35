// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.interpreter.internal.BoundaryContract;
import dev.faultline.cpu.interpreter.internal.CodeContract;
import dev.faultline.cpu.interpreter.internal.CodeMappingContract;
import dev.faultline.cpu.interpreter.internal.DebugTrapsContract;
import dev.faultline.cpu.interpreter.internal.LockedAccessContract;
import dev.faultline.cpu.interpreter.internal.RunAgainstStepContract;
import dev.faultline.cpu.interpreter.internal.SharedCodeContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;

/** What every engine has to do, by the translator, which translates everything at once. */
class TranslatorTest {
    /** What is refused is interpreted, and nothing else would tell. */
    @AfterAll
    static void nothingIsRefused() {
        assertThat(Translators.refused()).isZero();
    }

    @Nested
    class Code extends CodeContract {
        Code(String style) {
            super(Translators.at(1), style);
        }
    }

    @Nested
    class CodeMapping extends CodeMappingContract {
        CodeMapping(String style) {
            super(Translators.at(1), style);
        }
    }

    @Nested
    class Boundary extends BoundaryContract {
        Boundary(String style, boolean stepped) {
            super(Translators.at(1), style, stepped);
        }
    }

    @Nested
    class DebugTraps extends DebugTrapsContract {
        DebugTraps(String style) {
            super(Translators.at(1), style);
        }
    }

    @Nested
    class LockedAccess extends LockedAccessContract {
        LockedAccess() {
            super(Translators.at(1));
        }
    }

    @Nested
    class RunAgainstStep extends RunAgainstStepContract {
        RunAgainstStep() {
            super(Translators.at(1));
        }
    }

    @Nested
    class SharedCode extends SharedCodeContract {
        SharedCode(String style) {
            super(Translators.at(1), style);
        }
    }
}
