// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.vm;

import java.util.function.Consumer;
import org.osgi.annotation.versioning.ProviderType;

/** The machine's first serial port. Any thread. */
@ProviderType
public interface SerialConsole {
    /** How a guest that has no input left shows that it looks for some. */
    enum InputWait {
        /**
         * Not at all; or it has input that it has not read, or still has to be told it may send.
         */
        NONE,
        /** It has looked at the empty receiver over and over since it last sent or got a byte. */
        POLLED,
        /** Its receive interrupt is enabled: it may sleep until input comes. */
        INTERRUPT
    }

    /** Bytes that the guest has sent since the machine was made. */
    long bytesSent();

    /**
     * Every listener gets every byte the guest sends, in order, on the sending vCPU's thread: be
     * quick.
     */
    void addListener(Consumer<byte[]> listener);

    void removeListener(Consumer<byte[]> listener);

    /**
     * Whether the guest looks for input, and how; a look, which may be over when it is told. A
     * guest with {@link InputWait#INTERRUPT} waits if it sleeps, too: {@link Machine#idle}.
     */
    InputWait inputWait();

    /** Queues bytes for the guest to receive. */
    void send(byte[] bytes);
}
