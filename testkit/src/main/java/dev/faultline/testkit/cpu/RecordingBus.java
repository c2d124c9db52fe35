// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.cpu;

import dev.faultline.api.cpu.GuestBus;
import java.util.ArrayList;
import java.util.List;

/** A bus that writes down each access and answers every read with the same. */
public final class RecordingBus implements GuestBus {
    /** {@code in PORT SIZE}, {@code out PORT SIZE VALUE}, {@code read GPA SIZE}, ..., in hex. */
    public final List<String> log = new ArrayList<>();

    private final long answer;

    /** Reads give as much of {@code answer} as they ask for, or more. */
    public RecordingBus(long answer) {
        this.answer = answer;
    }

    @Override
    public int portIn(int port, int size) {
        log.add("in %x %d".formatted(port, size));
        return (int) answer;
    }

    @Override
    public void portOut(int port, int size, int value) {
        log.add("out %x %d %x".formatted(port, size, value));
    }

    @Override
    public long mmioRead(long gpa, int size) {
        log.add("read %x %d".formatted(gpa, size));
        return answer;
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        log.add("write %x %d %x".formatted(gpa, size, value));
    }
}
