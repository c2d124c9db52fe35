// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.cpu.interpreter.sweep.FaultSweepContract;
import org.junit.jupiter.api.AfterAll;

/** Of the translator, which translates everything at once. */
class TranslatorSweepTest extends FaultSweepContract {
    TranslatorSweepTest() {
        super(Translators.at(1));
    }

    @AfterAll
    static void nothingIsRefused() {
        assertThat(Translators.refused()).isZero();
    }
}
